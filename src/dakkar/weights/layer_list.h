#pragma once

#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"
#include "dakkar/weights/model_config.h"

namespace dak {

/// The layers of a model and of its MTP head as a config spells them.
struct LayerLists {
  std::vector<LayerKind> main;
  std::vector<LayerKind> mtp;  ///< of one depth; empty when the config does not say
  int64_t mtp_depths = 0;      ///< as the unified pattern implies; 0 when it does not
};

/// Reads a pattern of the letters M E * -. Bars (pipeline stages) mean nothing; after a slash comes
/// the inner pattern of one MTP depth, the same for all depths.
[[nodiscard]] Result<LayerLists> parse_pattern(std::string_view pattern);

/// Reads a list of mamba (linear_attention), moe, attention (full_attention), mlp; or a pattern.
[[nodiscard]] Result<LayerLists> parse_layers(const JsonView& value);

}  // namespace dak
