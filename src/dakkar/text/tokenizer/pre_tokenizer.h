#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/text/tokenizer/pattern.h"

namespace dak::tok {

/// What becomes of the stretches that a pattern matched.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// A piece of text on its way to the model.
struct Piece {
  std::string_view text;
  /// How many of its first bytes stem from the very first character of the whole input.
  int64_t from_first = 0;
};

/// Pieces in order, and the texts made on the way that some of them look at.
struct PieceList {
  std::vector<Piece> pieces;
  std::deque<std::string> texts;  // a deque, so that what is looked at never moves
};

/// One kind of character, for the steps that cut at every character of that kind.
enum class CharacterKind { kNumber, kPunctuation, kWhiteSpace };

/// When "Metaspace" puts its mark in front.
enum class PrependScheme { kFirst, kNever, kAlways };

/// The steps that a `pre_tokenizer` of tokenizer.json is made of.
struct PatternSplit {
  Pattern pattern;
  SplitBehavior behavior;
  bool invert;  ///< what did not match counts as matched
};
struct CharacterSplit {
  CharacterKind kind;
  SplitBehavior behavior;
};
struct MetaspaceSplit {
  std::string mark;  ///< one character that stands for a space
  PrependScheme scheme;
  bool split;
};
struct ByteLevelSplit {
  bool add_prefix_space;
  std::vector<Pattern> words;  ///< GPT-2's regex, or none
};
struct FixedLengthSplit {
  int64_t length;  ///< characters
};
using PreTokenizerStep =
    std::variant<PatternSplit, CharacterSplit, MetaspaceSplit, ByteLevelSplit, FixedLengthSplit>;

/// Cuts text into the pieces that BPE works on: the file's steps, nested sequences flattened.
class PreTokenizer final {
 public:
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps);

  /// Whether the last step is byte-level. Then pieces hold plain bytes instead of their letters,
  /// and the model has to be built for bytes.
  [[nodiscard]] bool gives_bytes() const { return gives_bytes_; }

  /// Replaces the pieces of `list` by what the steps make of them; empty pieces are dropped.
  /// Errors: a regex that exceeds its backtracking limit.
  [[nodiscard]] Status apply(PieceList& list) const;

 private:
  std::vector<PreTokenizerStep> steps_;
  bool gives_bytes_ = false;
};

/// Turns matches into the stretches that are kept under `behavior`; replaces `matches`.
void apply_behavior(SplitBehavior behavior, std::vector<Match>& matches);

}  // namespace dak::tok
