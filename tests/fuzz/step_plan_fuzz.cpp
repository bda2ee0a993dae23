// Bytes of a step plan: what is accepted is written as it was read.

#include <span>

#include "dakkar/base/check.h"
#include "dakkar/engine/step_plan.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const dak::PlanLimits limits = {.tokens = 64,
                                  .sequences = 4,
                                  .slots = 4,
                                  .max_pages = 8,
                                  .arena_bytes = 1 << 20,
                                  .cache = {.page_tokens = 128,
                                            .page_bytes = 4096,
                                            .state_layers = 2,
                                            .state_layer_bytes = 1024,
                                            .carry_layer_bytes = 2048,
                                            .vocab = 100},
                                  .list_entries = 16};
  const auto plan = dak::decode_plan(std::as_bytes(std::span(data, size)), limits);
  if (plan) {
    dak::check(dak::encode_plan(*plan).size() == size, "a plan keeps its length");
    dak::check(dak::decode_plan(dak::encode_plan(*plan), limits).has_value(),
               "a plan that was read can be read again");
  }
  return 0;
}
