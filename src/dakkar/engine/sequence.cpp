#include "dakkar/engine/sequence.h"

namespace dak {

Sequence::Sequence(uint64_t number, GenerationRequest what, StopState rules)
    : handle(number),
      request(std::move(what)),
      prompt_tokens(std::ssize(request.prompt)),
      tokens(std::move(request.prompt)),
      stop(std::move(rules)) {}

void Sequence::start(StateRef held) {
  state.emplace(std::move(held));
  prefill_end = std::ssize(tokens);
  position = 0;
  drawn = output_tokens();
  pages_sent = 0;
  carry_sent = false;
  ++starts;
}

}  // namespace dak
