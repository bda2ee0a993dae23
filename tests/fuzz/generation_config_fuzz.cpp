// generation_config.json beside a model of the family's vocabulary.

#include <string_view>

#include "dakkar/weights/model_config.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dak::ModelConfig config;
  config.vocab = 131072;
  config.eos_ids = {2};
  (void)dak::GenerationDefaults::parse({reinterpret_cast<const char*>(data), size}, config);
  return 0;
}
