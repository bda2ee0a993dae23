#pragma once

#include <string_view>

#include "dakkar/device/device_count.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// Aborts unless `view` has that element type; `what` names the op and the argument.
inline void require_dtype(const TensorView& view, DType dtype, std::string_view what) {
  check(view.dtype == dtype, what);
}

/// Aborts unless `view` holds floats that kernels convert on the fly.
inline void require_float(const TensorView& view, std::string_view what) {
  check(view.dtype == DType::kF32 || view.dtype == DType::kBF16 || view.dtype == DType::kF16, what);
}

/// Aborts unless the count is set and its bound fits in `rows`.
inline void require_count(const DeviceCount& count, int64_t rows, std::string_view what) {
  check(count.value != nullptr && count.bound >= 0 && count.bound <= rows, what);
}

/// Aborts unless all arrays of the table are there.
inline void require_table(const SequenceTable& table, std::string_view what) {
  check(table.sequences.value != nullptr && table.decodes.value != nullptr, what);
  check(table.query_start != nullptr && table.position != nullptr, what);
  check(table.slot != nullptr && table.headers != nullptr, what);
}

}  // namespace dak
