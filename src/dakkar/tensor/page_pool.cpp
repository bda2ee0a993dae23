#include "dakkar/tensor/page_pool.h"

#include "dakkar/tensor/page_mapping.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = 64;
/// Of a mapping. Pages that no buffer has touched cost nothing.
constexpr int64_t kBytes = int64_t{128} << 20;

}  // namespace

PagePool::~PagePool() {
  if (newest_ != nullptr) {
    newest_->leave();
  }
}

Buffer PagePool::take(int64_t bytes) {
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (bytes <= 0 || rounded > kBytes / 2) {
    return Buffer(bytes);
  }
  const std::lock_guard lock(mutex_);
  if (newest_ == nullptr || used_ + rounded > kBytes) {
    if (newest_ != nullptr) {
      newest_->leave();
    }
    newest_ = PageMapping::map(kBytes);
    used_ = 0;
  }
  newest_->join();
  Buffer buffer;
  buffer.data_ =
      std::unique_ptr<std::byte, Buffer::Free>(newest_->data() + used_, Buffer::Free{newest_});
  buffer.size_ = bytes;
  used_ += rounded;
  return buffer;
}

}  // namespace dak
