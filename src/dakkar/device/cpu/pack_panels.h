#pragma once

#include "dakkar/device/packed_weight.h"
#include "dakkar/tensor/page_pool.h"

namespace dak::cpu {

/// Puts a bf16, nvfp4 or fp8 weight into panels; other formats, and weights that hold an
/// e4m3 NaN, keep the reference layout. Outputs beyond N are zeros. `kF32` numerics are refused:
/// they are defined by the reference kernels. Panels lie in memory of `pages`.
[[nodiscard]] Result<PackedWeight> pack_panels(const QuantView& weight, Numerics numerics,
                                               PagePool& pages);

}  // namespace dak::cpu
