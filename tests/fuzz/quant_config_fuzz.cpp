// hf_quant_config.json, or a config.json with a quantization_config, and what it announces for a
// few modules.

#include <string_view>

#include "dakkar/weights/quant_config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/scratch_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const ScratchFolder folder;
  folder.clear();
  folder.write(text.find("quantization_config") != std::string_view::npos ? "config.json"
                                                                          : "hf_quant_config.json",
               text);
  const auto config = dak::QuantConfig::load(folder.path());
  if (!config) {
    return 0;
  }
  for (const std::string_view module :
       {"", "lm_head", "backbone.layers.1.mixer.up_proj", "backbone.layers.2.mixer.in_proj",
        "backbone.layers.1.mixer.experts.3.up_proj", "model.layers.0.mixer.gate"}) {
    for (const auto format :
         {dak::QuantFormat::kBF16, dak::QuantFormat::kFp8, dak::QuantFormat::kNvfp4}) {
      (void)config->check_module(module, format);
    }
  }
  return 0;
}
