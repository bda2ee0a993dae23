#pragma once

#include <span>

#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Widens `to.size()` elements of `dtype` (f32, f16, bf16, e4m3) to f32.
void load_floats(const std::byte* from, DType dtype, std::span<float> to);

/// Rounds to `dtype` (f32, f16, bf16, e4m3), to nearest, ties to even; e4m3 saturates.
void store_floats(std::span<const float> from, DType dtype, std::byte* to);

/// Address of row `row` of a tensor's first dimension.
[[nodiscard]] inline std::byte* row_address(const TensorView& view, int64_t row) {
  return view.data + row * view.stride(0) * size_of(view.dtype);
}

/// As above for `view[row, index]`, the start of an innermost row of a rank-3 tensor.
[[nodiscard]] inline std::byte* row_address(const TensorView& view, int64_t row, int64_t index) {
  return view.data + (row * view.stride(0) + index * view.stride(1)) * size_of(view.dtype);
}

/// Widens the first `to.size()` elements of row `row`.
inline void load_row(const TensorView& view, int64_t row, std::span<float> to) {
  load_floats(row_address(view, row), view.dtype, to);
}

/// Rounds into the first `from.size()` elements of row `row`.
inline void store_row(std::span<const float> from, const TensorView& view, int64_t row) {
  store_floats(from, view.dtype, row_address(view, row));
}

}  // namespace dak
