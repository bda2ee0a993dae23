#pragma once

#include <cstdint>
#include <string>

#include "dakkar/weights/model_config.h"

namespace dak {

/// "1.5 GB": bytes for people, 1 GB = 1e9 bytes.
[[nodiscard]] std::string human_bytes(int64_t bytes);

/// "550.3 B": a count for people.
[[nodiscard]] std::string human_count(int64_t count);

/// "52 layers: 23 Mamba-2, 6 attention, 23 MoE (128 experts, 6 chosen), MTP head".
[[nodiscard]] std::string layers_line(const ModelConfig& config);

}  // namespace dak
