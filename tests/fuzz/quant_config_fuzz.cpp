// hf_quant_config.json, and what it announces for a few modules.

#include <string_view>

#include "dakkar/base/json.h"
#include "dakkar/weights/quant_config.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto document = dak::JsonDocument::parse({reinterpret_cast<const char*>(data), size});
  if (!document) {
    return 0;
  }
  const auto config = dak::QuantConfig::parse(document->root());
  if (!config) {
    return 0;
  }
  for (const std::string_view module :
       {"", "lm_head", "backbone.layers.1.mixer.experts.3.up_proj", "model.layers.0.mixer.gate"}) {
    (void)config->algo_of(module);
    (void)config->check_module(module, dak::QuantFormat::kNvfp4);
  }
  return 0;
}
