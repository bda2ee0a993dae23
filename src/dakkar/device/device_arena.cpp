#include "dakkar/device/device_arena.h"

#include <algorithm>

#include "dakkar/device/row_access.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = 256;
constexpr int64_t kBlock = int64_t{1} << 20;  // many small tensors share an allocation

}  // namespace

std::byte* DeviceArena::bytes(int64_t size) {
  const int64_t aligned = (size + kAlignment - 1) / kAlignment * kAlignment;
  if (memory_.empty() || memory_.back().size() - used_ < aligned) {
    memory_.push_back(backend_.allocate(std::max(kBlock, aligned)).value());
    used_ = 0;
  }
  used_ += aligned;
  return memory_.back().data() + used_ - aligned;
}

TensorView DeviceArena::zeros(DType dtype, std::span<const int64_t> shape) {
  int64_t elements = 1;
  for (const int64_t size : shape) {
    elements *= size;
  }
  return TensorView::dense(bytes(elements * size_of(dtype)), dtype, shape);
}

DeviceCount DeviceArena::count(int64_t value) {
  return {.bound = value, .value = array(std::vector<int32_t>{static_cast<int32_t>(value)})};
}

void DeviceArena::copy(void* to, const void* from, int64_t size) {
  stream_.copy(to, from, size);
  stream_.synchronize();
}

void DeviceArena::write(const TensorView& view, const std::vector<float>& values) {
  check(view.is_dense() && view.elements() == static_cast<int64_t>(values.size()),
        "as many values are written as a dense tensor holds");
  std::vector<std::byte> raw(static_cast<size_t>(view.bytes()));
  store_floats(values, view.dtype, raw.data());
  copy(view.data, raw.data(), view.bytes());
}

}  // namespace dak
