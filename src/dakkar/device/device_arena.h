#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "dakkar/device/backend.h"
#include "dakkar/device/device_count.h"

namespace dak {

/// Device memory handed out piece by piece and freed all at once, for programs that place operands
/// of ops themselves. What does not fit in memory aborts.
class DeviceArena final {
 public:
  /// Both must outlive the arena; copies run on the stream and are waited for.
  DeviceArena(const Backend& backend, Stream& stream) : backend_(backend), stream_(stream) {}

  /// Zeroed bytes, aligned to 256.
  std::byte* bytes(int64_t size);
  TensorView zeros(DType dtype, std::span<const int64_t> shape);
  template <typename T>
  T* array(const std::vector<T>& values) {
    const auto size = static_cast<int64_t>(values.size() * sizeof(T));
    auto* to = reinterpret_cast<T*>(bytes(size));
    copy(to, values.data(), size);
    return to;
  }
  /// A count that stands on the device as well.
  DeviceCount count(int64_t value);

  /// Copies from or to the device.
  void copy(void* to, const void* from, int64_t size);
  /// Writes a dense tensor, rounding the values to its dtype.
  void write(const TensorView& view, const std::vector<float>& values);

 private:
  const Backend& backend_;
  Stream& stream_;
  std::deque<DeviceMemory> memory_;
  int64_t used_ = 0;  ///< bytes of the newest block
};

}  // namespace dak
