#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/tensor/quant_view.h"

namespace dak {

/// A linear and the format it was given; nothing: none.
struct QuantizedModule {
  std::string name;
  std::optional<QuantFormat> format;
};

/// `hf_quant_config.json` of a checkpoint with these linears and an FP8 KV cache, as ModelOpt
/// writes it for MIXED_PRECISION: every quantized module by name, every other one excluded, the MTP
/// head as `mtp*`.
[[nodiscard]] std::string hf_quant_config_text(const std::vector<QuantizedModule>& modules,
                                               std::string_view version);

/// `config_text` with the same content as its `quantization_config`. Errors: no JSON object.
[[nodiscard]] Result<std::string> with_quantization_config(
    std::string_view config_text, const std::vector<QuantizedModule>& modules,
    std::string_view version);

}  // namespace dak
