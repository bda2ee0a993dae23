#include "dakkar/tensor/buffer.h"

#include <cstdlib>
#include <cstring>

#include "dakkar/base/check.h"
#include "dakkar/tensor/page_mapping.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = 64;
/// From this size on, a huge page, a buffer has pages of its own.
constexpr int64_t kLarge = int64_t{2} << 20;

}  // namespace

void Buffer::Free::operator()(std::byte* bytes) const {
  if (pages != nullptr) {
    pages->leave();
  } else {
    std::free(bytes);
  }
}

Buffer::Buffer(int64_t bytes) : size_(bytes) {
  check(bytes >= 0, "a buffer's size is not negative");
  if (bytes == 0) {
    return;
  }
  if (bytes >= kLarge) {
    PageMapping* pages = PageMapping::map(bytes);
    data_ = std::unique_ptr<std::byte, Free>(pages->data(), Free{pages});
    return;
  }
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* raw = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded));
  check(raw != nullptr, "out of memory");
  std::memset(raw, 0, static_cast<size_t>(rounded));
  data_.reset(static_cast<std::byte*>(raw));
}

}  // namespace dak
