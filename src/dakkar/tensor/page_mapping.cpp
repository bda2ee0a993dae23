#include "dakkar/tensor/page_mapping.h"

#include <memory>

#include <sys/mman.h>
#include <unistd.h>

#include "dakkar/base/check.h"

namespace dak {
namespace {

constexpr size_t kHeader = 64;
constexpr size_t kHugePage = size_t{2} << 20;
static_assert(sizeof(PageMapping) <= kHeader);

}  // namespace

PageMapping* PageMapping::map(int64_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t wanted = (static_cast<size_t>(bytes) + kHeader + page - 1) / page * page;
  void* raw =
      mmap(nullptr, wanted + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(raw != MAP_FAILED, "out of memory");
  auto* first = static_cast<std::byte*>(raw);
  const size_t skipped = (kHugePage - reinterpret_cast<uintptr_t>(raw) % kHugePage) % kHugePage;
  if (skipped > 0) {
    munmap(first, skipped);
  }
  munmap(first + skipped + wanted, kHugePage - skipped);
  // Only a hint: systems without huge pages refuse it.
  static_cast<void>(madvise(first + skipped, wanted, MADV_HUGEPAGE));
  return std::construct_at(reinterpret_cast<PageMapping*>(first + skipped), wanted);
}

std::byte* PageMapping::data() {
  return reinterpret_cast<std::byte*>(this) + kHeader;
}

void PageMapping::leave() {
  if (holders_.fetch_sub(1) == 1) {
    munmap(this, mapped_);
  }
}

}  // namespace dak
