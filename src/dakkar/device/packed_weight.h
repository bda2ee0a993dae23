#pragma once

#include <cstdint>

#include "dakkar/base/error.h"
#include "dakkar/tensor/buffer.h"
#include "dakkar/tensor/quant_view.h"

namespace dak {

/// Which arithmetic a run uses. Fixed at load.
enum class Numerics {
  kShipped,  ///< what the checkpoint means: bf16 between kernels, FP8 linears quantize activations
  kF32,      ///< activations, residual and KV in f32, no activation quantization; reference kernels
};

/// One linear weight in the layout its backend wants, made once at load from a `QuantView` that the
/// rank's shard has already cut. Opaque outside the backend that packed it.
struct PackedWeight {
  QuantFormat format = QuantFormat::kBF16;
  int64_t n = 0;              ///< output features
  int64_t k = 0;              ///< input features
  float output_scale = 1.0F;  ///< multiplies the accumulated sum: per-tensor scales
  float input_scale =
      0.0F;            ///< activations are divided by it and rounded to e4m3; 0 = they are not
  int32_t layout = 0;  ///< which of the backend's layouts `data` holds
  Buffer data;         ///< values
  Buffer scales;       ///< block scales, if the layout keeps them apart

  [[nodiscard]] int64_t bytes() const { return data.size() + scales.size(); }
};

/// `PackedWeight::layout` of a dense row-major copy in checkpoint precision.
inline constexpr int32_t kReferenceLayout = 0;

/// Sizes, format and scales of `weight`, without data; errors when a scale is not a finite positive
/// number or a shape disagrees with the format.
[[nodiscard]] Result<PackedWeight> describe_weight(const QuantView& weight, Numerics numerics);

/// Copies `weight` in checkpoint precision, row-major: the layout of the reference kernels.
[[nodiscard]] Result<PackedWeight> pack_reference(const QuantView& weight, Numerics numerics);

}  // namespace dak
