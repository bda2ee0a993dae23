#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "dakkar/base/rank_grid.h"
#include "dakkar/model/cache_spec.h"
#include "dakkar/tensor/quant_view.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {

/// The format of a linear's weight; nothing for a tensor that is not there.
using FormatOf = std::function<std::optional<QuantFormat>(const TensorSpec&)>;

/// The format that a checkpoint announces for a linear.
[[nodiscard]] QuantFormat announced_format(const TensorSpec& spec, const QuantConfig& quant);

/// Bytes of values and block scales of a matrix.
[[nodiscard]] int64_t stored_bytes(QuantFormat format, int64_t elements);

/// What the rank that holds most takes, known before a byte of weights is read.
struct RankSizes {
  int64_t weight_bytes = 0;  ///< in checkpoint precision; small tensors as f32
  CacheSpec cache;
};

/// What `rank_sizes` is computed from.
struct RankSizesArgs {
  const ModelConfig& config;
  const QuantConfig& quant;
  FormatOf format_of;
  DType state = DType::kF32;  ///< of the SSM states that slots keep
  RankGrid grid;
};

/// Adds up a rank's slices of every tensor; grid and shard must have passed their checks.
[[nodiscard]] RankSizes rank_sizes(const RankSizesArgs& args);

}  // namespace dak
