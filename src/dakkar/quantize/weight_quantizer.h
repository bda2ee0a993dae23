#pragma once

#include <cstdint>

#include "dakkar/base/error.h"
#include "dakkar/device/stream.h"
#include "dakkar/tensor/buffer.h"
#include "dakkar/tensor/quant_view.h"

namespace dak {

/// A matrix in a quantized format, and what that cost.
struct QuantizedMatrix {
  Buffer values;        ///< as `QuantView::values`
  Buffer block_scales;  ///< NVFP4 only
  float scale = 1.0F;
  double squared_error = 0.0;
  double squared_weights = 0.0;
};

/// Puts a matrix of f32, f16 or bf16 into FP8, or into four-over-six NVFP4 (whole blocks of
/// columns), on the stream's threads. The result does not depend on their number.
/// Errors: a value that is not finite.
[[nodiscard]] Result<QuantizedMatrix> quantize_matrix(const QuantView& from, QuantFormat format,
                                                      Stream& stream);

}  // namespace dak
