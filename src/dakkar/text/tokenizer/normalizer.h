#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/text/tokenizer/pattern.h"
#include "dakkar/text/tokenizer/unicode.h"

namespace dak::tok {

/// A text after normalisation that knows where it came from.
struct AlignedText {
  std::string text;
  /// For each byte of `text`, the offset in the original text of the character it stems from;
  /// inserted text takes its neighbour's.
  std::vector<uint32_t> origin;
};

/// The steps that a `normalizer` of tokenizer.json is made of. All take and give valid UTF-8.
struct NormalFormStep {
  NormalForm form;
};
struct LowercaseStep {};
struct StripStep {
  bool left;
  bool right;
};
struct StripAccentsStep {};
struct NmtStep {};          ///< drops control characters, turns odd spaces into spaces
struct ByteLettersStep {};  ///< "ByteLevel": each byte becomes its letter
struct PrependStep {
  std::string text;  ///< put before a text that is not empty
};
struct ReplaceStep {
  Pattern pattern;
  std::string content;
};
using NormalizerStep = std::variant<NormalFormStep, LowercaseStep, StripStep, StripAccentsStep,
                                    NmtStep, ByteLettersStep, PrependStep, ReplaceStep>;

/// What happens to text before it is split: the file's steps, nested sequences flattened.
class Normalizer final {
 public:
  explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}

  /// Whether texts pass unchanged.
  [[nodiscard]] bool is_identity() const { return steps_.empty(); }

  /// Normalises `text`, which starts at offset `begin` of the original.
  /// Errors: a `Replace` regex that exceeds its backtracking limit.
  [[nodiscard]] Result<AlignedText> apply(std::string_view text, int64_t begin) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace dak::tok
