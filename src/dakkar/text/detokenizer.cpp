#include "dakkar/text/detokenizer.h"

#include "dakkar/text/tokenizer/pipeline.h"

namespace dak {

struct Detokenizer::State {
  const Tokenizer* tokenizer;
  SkipSpecialTokens skip;
  tok::DecoderRun run;
};

Detokenizer::Detokenizer(const Tokenizer& tokenizer, SkipSpecialTokens skip)
    : state_(std::make_unique<State>(
          State{&tokenizer, skip, tok::DecoderRun(tokenizer.pipeline_->decoder)})) {}
Detokenizer::~Detokenizer() = default;
Detokenizer::Detokenizer(Detokenizer&& other) noexcept = default;
Detokenizer& Detokenizer::operator=(Detokenizer&& other) noexcept = default;

std::string Detokenizer::push(TokenId id) {
  std::string text;
  const std::optional<std::string_view> spelling = state_->tokenizer->token_of(id);
  if (spelling && (state_->skip == SkipSpecialTokens::kNo || !state_->tokenizer->is_special(id))) {
    state_->run.push(*spelling, text);
  }
  return text;
}

std::string Detokenizer::flush() {
  std::string text;
  state_->run.finish(text);
  return text;
}

}  // namespace dak
