#pragma once

#include <cstdint>

namespace dak {

/// A count whose value lives on the device; the host knows only an upper bound.
///
/// Kernels are launched for `bound` and read `*value` when they run, so that a captured step can be
/// replayed with other counts. `*value <= bound` always.
struct DeviceCount {
  int64_t bound = 0;
  const int32_t* value = nullptr;  ///< device memory

  /// The count at execution time; for CPU kernels.
  [[nodiscard]] int64_t read() const { return *value; }
};

}  // namespace dak
