#pragma once

#include <memory>
#include <string>

#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer.h"

namespace dak {

/// Turns one sequence's tokens into text as they arrive.
///
/// The increments and the final flush, joined, equal `Tokenizer::decode` of all ids; each increment
/// is whole UTF-8, so a code point spread over tokens comes out with its last one. Files with a
/// `ByteFallback` decoder hold a run of byte tokens until it ends, since its end decides its text.
class Detokenizer final {
 public:
  /// `tokenizer` must outlive this object.
  Detokenizer(const Tokenizer& tokenizer, SkipSpecialTokens skip);
  ~Detokenizer();
  Detokenizer(Detokenizer&& other) noexcept;
  Detokenizer& operator=(Detokenizer&& other) noexcept;

  /// Takes the next token and gives the text that is now certain, maybe none.
  [[nodiscard]] std::string push(TokenId id);

  /// Ends the text: what was held back, an unfinished code point as U+FFFD. Starts anew afterwards.
  [[nodiscard]] std::string flush();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace dak
