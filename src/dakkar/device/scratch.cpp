#include "dakkar/device/scratch.h"

#include <algorithm>

namespace dak {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kFirstBlock = int64_t{1} << 16;

}  // namespace

std::byte* Scratch::take_bytes(int64_t bytes) {
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (blocks_.empty() || used_ + rounded > blocks_.back().size()) {
    const int64_t last = blocks_.empty() ? 0 : blocks_.back().size();
    blocks_.emplace_back(std::max({rounded, 2 * last, kFirstBlock}));
    used_ = 0;
  }
  std::byte* taken = blocks_.back().data() + used_;
  used_ += rounded;
  return taken;
}

void Scratch::rewind() {
  used_ = 0;
  if (blocks_.size() > 1) {
    int64_t total = 0;
    for (const Buffer& block : blocks_) {
      total += block.size();
    }
    blocks_.clear();
    blocks_.emplace_back(total);
  }
}

}  // namespace dak
