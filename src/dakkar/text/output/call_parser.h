#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/text/output/output_event.h"
#include "dakkar/text/output/tag_text.h"
#include "dakkar/text/output/tool_set.h"

namespace dak {

/// Reads one tool call in the form `<function=NAME>`, `<parameter=KEY>`, value, `</parameter>`,
/// `</function>`, `</tool_call>` (spec/serving.md 9), and forgives what models leave out.
///
/// A value ends only where the structure goes on behind it, so that values may hold the same words:
/// see `step`. It ends at the first such place: a value that itself holds a whole well-formed end
/// of a call is cut there.
class CallParser final {
 public:
  /// `tools` outlives it.
  explicit CallParser(const ToolSet& tools) : tools_(tools) {}

  /// Whether a call's opening `<function=` and the beginning of a name stand there. The length
  /// covers the opening only.
  [[nodiscard]] static Match opens(const TagText& text, size_t ahead);
  /// Whether a whole opening of a declared function stands there.
  [[nodiscard]] Match opens_declared(const TagText& text, size_t ahead) const;

  /// Begins a call whose opening has been consumed.
  void begin();
  /// What a step did.
  enum class Progress { kMoved, kNeedsMore, kDone };
  /// Consumes what can be decided. `kDone`: the call is over, its end given out; what follows is
  /// not consumed.
  [[nodiscard]] Progress step(TagText& text, OutputEvents& out);

  /// Gives out a call that came in one piece.
  static void give_whole(std::string_view name, std::string_view arguments, OutputEvents& out);

 private:
  enum class State { kName, kBody, kValue, kEnded };

  Progress read_name(TagText& text, OutputEvents& out);
  Progress read_body(TagText& text, OutputEvents& out);
  Progress read_key(TagText& text, OutputEvents& out);
  Progress read_value(TagText& text, OutputEvents& out);
  Progress read_ended(TagText& text, OutputEvents& out);
  void begin_value(std::string key, OutputEvents& out);
  void add_to_value(std::string_view piece, OutputEvents& out);
  void end_value(OutputEvents& out);
  Progress end_call(OutputEvents& out);
  [[nodiscard]] Match value_ends(const TagText& text, size_t ahead, char before) const;
  [[nodiscard]] Match unseen_parameter(const TagText& text, size_t ahead) const;
  [[nodiscard]] bool seen(std::string_view key) const;

  const ToolSet& tools_;
  const ToolSignature* tool_ = nullptr;  ///< null: the function is not declared
  State state_ = State::kName;
  std::string name_;
  std::vector<std::string> keys_;
  ValueTypes types_;
  bool dropped_ = false;          ///< the value belongs to a key that came before
  bool newline_pending_ = false;  ///< one line feed after `<parameter=KEY>` is not the value's
  char last_ = '\n';              ///< byte of the value consumed last
  std::string value_;             ///< what is not given out until the value is whole
};

}  // namespace dak
