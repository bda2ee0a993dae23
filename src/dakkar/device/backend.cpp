#include "dakkar/device/backend.h"

#include <utility>

namespace dak {

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr && free_) {
      free_(data_);
    }
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    free_ = std::move(other.free_);
  }
  return *this;
}

DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr && free_) {
    free_(data_);
  }
}

}  // namespace dak
