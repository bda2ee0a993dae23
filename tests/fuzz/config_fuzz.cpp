// config.json, and a generation_config.json behind a NUL byte where there is one.

#include <string_view>

#include "dakkar/weights/model_config.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find('\0');
  const auto config = dak::ModelConfig::parse(text.substr(0, cut), "fuzz");
  if (!config) {
    return 0;
  }
  (void)dak::GenerationDefaults::without_file(*config);
  if (cut != std::string_view::npos) {
    (void)dak::GenerationDefaults::parse(text.substr(cut + 1), *config);
  }
  return 0;
}
