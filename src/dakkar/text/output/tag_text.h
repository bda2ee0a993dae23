#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dak {

/// The four marks in a model's output that are tokens of their own.
enum class OutputTag { kThinkOpen, kThinkClose, kCallOpen, kCallClose };

/// `<think>` and so on.
[[nodiscard]] std::string_view tag_literal(OutputTag tag);

/// Whether something stands in a text that has not all arrived yet.
enum class Seen { kNo, kUndecided, kYes };

/// An answer, and how many places it covers if it is yes.
struct Match {
  Seen seen = Seen::kNo;
  size_t length = 0;

  [[nodiscard]] bool yes() const { return seen == Seen::kYes; }
  [[nodiscard]] bool undecided() const { return seen == Seen::kUndecided; }
};

/// A model's output as it arrives, read from the front. A place holds one byte of text or one tag.
///
/// Answers never depend on how the text was cut into pieces: what later text could still change is
/// `kUndecided` until `end`.
class TagText final {
 public:
  /// Most white space that `spaces` looks over before it says no: what a reader is made to wait
  /// for.
  static constexpr size_t kMaxSpaces = 64;

  /// Text in whole code points.
  void add(std::string_view text);
  void add(OutputTag tag);
  /// Nothing more will come.
  void end() { ended_ = true; }

  [[nodiscard]] bool ended() const { return ended_; }
  /// Places not consumed yet.
  [[nodiscard]] size_t left() const { return places_.size() - at_; }
  /// The byte `ahead` places on, which is there and is no tag.
  [[nodiscard]] char byte(size_t ahead = 0) const { return places_[at_ + ahead]; }
  /// The tag at that place, if it holds one.
  [[nodiscard]] std::optional<OutputTag> tag(size_t ahead = 0) const;

  /// Whether `literal` begins there, be it text or tags.
  [[nodiscard]] Match match(std::string_view literal, size_t ahead = 0) const;
  /// White space from there on, at most `kMaxSpaces`; undecided while more may come.
  [[nodiscard]] Match spaces(size_t ahead = 0) const;
  /// Whether the output ends there.
  [[nodiscard]] Match at_end(size_t ahead = 0) const;

  /// Consumes places and gives them as text, tags spelled out.
  [[nodiscard]] std::string take(size_t places);
  void skip(size_t places) { static_cast<void>(take(places)); }

 private:
  std::string places_;  ///< tags are bytes that UTF-8 never holds
  size_t at_ = 0;
  bool ended_ = false;
};

/// Space, tab, line feed, carriage return.
[[nodiscard]] bool is_output_space(char byte);

/// The better of two answers: yes before undecided before no.
[[nodiscard]] Match either(const Match& a, const Match& b);

}  // namespace dak
