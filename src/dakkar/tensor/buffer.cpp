#include "dakkar/tensor/buffer.h"

#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "dakkar/base/check.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = 64;
constexpr int64_t kHugePage = int64_t{2} << 20;

/// Fresh pages, zeroed by the kernel when they are first touched, that begin at a huge page.
std::byte* map_pages(size_t bytes) {
  const size_t reserved = bytes + kHugePage;
  void* raw = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(raw != MAP_FAILED, "out of memory");
  auto* first = static_cast<std::byte*>(raw);
  const size_t skipped = (kHugePage - reinterpret_cast<uintptr_t>(raw) % kHugePage) % kHugePage;
  if (skipped > 0) {
    munmap(first, skipped);
  }
  munmap(first + skipped + bytes, kHugePage - skipped);
  // Only a hint: systems without huge pages refuse it.
  static_cast<void>(madvise(first + skipped, bytes, MADV_HUGEPAGE));
  return first + skipped;
}

}  // namespace

void Buffer::Free::operator()(std::byte* bytes) const {
  if (mapped > 0) {
    munmap(bytes, mapped);
  } else {
    std::free(bytes);
  }
}

Buffer::Buffer(int64_t bytes) : size_(bytes) {
  check(bytes >= 0, "a buffer's size is not negative");
  if (bytes == 0) {
    return;
  }
  if (bytes >= kHugePage) {
    const int64_t page = sysconf(_SC_PAGESIZE);
    const auto mapped = static_cast<size_t>((bytes + page - 1) / page * page);
    data_ = std::unique_ptr<std::byte, Free>(map_pages(mapped), Free{mapped});
    return;
  }
  const int64_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  void* raw = std::aligned_alloc(kAlignment, static_cast<size_t>(rounded));
  check(raw != nullptr, "out of memory");
  std::memset(raw, 0, static_cast<size_t>(rounded));
  data_.reset(static_cast<std::byte*>(raw));
}

}  // namespace dak
