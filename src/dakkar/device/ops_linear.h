#pragma once

#include "dakkar/device/device_count.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Whether a linear replaces its output or adds to it.
enum class Accumulate { kNo, kYes };

/// Arguments of `ops::linear`.
struct LinearArgs {
  TensorView x;                          ///< [T, K], rows may be strided
  const PackedWeight* weight = nullptr;  ///< [N, K]
  TensorView out;                        ///< [T, N]; f32 when accumulating, rows may be strided
  Accumulate accumulate = Accumulate::kNo;
  DeviceCount tokens;
};

namespace ops {

/// out = x * weight^T, by the weight's format (spec/model.md 4.2, 4.3):
///   bf16, f16, f32   sum_k x w, in f32;
///   NVFP4 (W4A16)    output_scale * sum_k x * (e2m1 * block scale);
///   FP8 (W8A8)       output_scale * sum_k e4m3(x / input_scale) * e4m3, output_scale holding both
///                    scales; with input_scale 0 the activations stay as they are.
/// The order in which K is summed depends on the weight alone, never on T (architecture.md,
/// decision 10), so a row's result is the same bits in any batch.
void linear(Context& ctx, const LinearArgs& args);

}  // namespace ops
}  // namespace dak
