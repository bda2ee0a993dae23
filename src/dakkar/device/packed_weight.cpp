#include "dakkar/device/packed_weight.h"

#include <cmath>
#include <cstring>

#include <fmt/core.h>

namespace dak {
namespace {

bool is_matrix(const TensorView& view, DType dtype, int64_t rows, int64_t columns) {
  return view.present() && view.dtype == dtype && view.rank == 2 && view.dim(0) == rows &&
         view.dim(1) == columns;
}

Status check_shapes(const QuantView& weight) {
  const bool fp4 = weight.format == QuantFormat::kNvfp4;
  if (fp4 && weight.columns % kNvfp4Block != 0) {
    return fail(ErrorCode::kCorruptFile,
                fmt::format("nvfp4 matrix has {} columns, not a multiple of {}", weight.columns,
                            kNvfp4Block));
  }
  const int64_t width = fp4 ? weight.columns / 2 : weight.columns;
  if (!is_matrix(weight.values, value_dtype(weight.format), weight.rows, width)) {
    return fail(ErrorCode::kCorruptFile, fmt::format("values are not a {} matrix of {} x {}",
                                                     name_of(weight.format), weight.rows, width));
  }
  if (fp4 &&
      !is_matrix(weight.block_scales, DType::kF8E4M3, weight.rows, weight.columns / kNvfp4Block)) {
    return fail(ErrorCode::kCorruptFile, "block scales do not fit the nvfp4 values");
  }
  return {};
}

Buffer dense_copy(const TensorView& view) {
  Buffer buffer(view.bytes());
  const int64_t row_bytes = view.dim(1) * size_of(view.dtype);
  for (int64_t row = 0; row < view.dim(0); ++row) {
    std::memcpy(buffer.data() + row * row_bytes,
                view.data + row * view.stride(0) * size_of(view.dtype),
                static_cast<size_t>(row_bytes));
  }
  return buffer;
}

}  // namespace

Result<PackedWeight> describe_weight(const QuantView& weight, Numerics numerics) {
  if (!std::isfinite(weight.scale)) {
    return fail(ErrorCode::kCorruptFile, fmt::format("weight scale is {}", weight.scale));
  }
  PackedWeight packed;
  packed.format = weight.format;
  packed.n = weight.rows;
  packed.k = weight.columns;
  packed.output_scale = weight.scale;
  if (weight.format == QuantFormat::kFp8 && numerics == Numerics::kShipped && weight.input_scale) {
    const float input_scale = *weight.input_scale;
    if (!std::isfinite(input_scale) || input_scale <= 0.0F) {
      return fail(ErrorCode::kCorruptFile, fmt::format("input scale is {}", input_scale));
    }
    packed.input_scale = input_scale;
    packed.output_scale = weight.scale * input_scale;
  }
  if (!weight.empty()) {
    if (Status status = check_shapes(weight); !status) {
      return fail(std::move(status.error()));
    }
  }
  return packed;
}

Result<PackedWeight> pack_reference(const QuantView& weight, Numerics numerics) {
  Result<PackedWeight> packed = describe_weight(weight, numerics);
  if (!packed || weight.empty()) {
    return packed;
  }
  packed->layout = kReferenceLayout;
  packed->data = dense_copy(weight.values);
  if (weight.format == QuantFormat::kNvfp4) {
    packed->scales = dense_copy(weight.block_scales);
  }
  return packed;
}

}  // namespace dak
