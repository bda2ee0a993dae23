#include "dakkar/base/futex.h"

#include <limits>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace dak {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected) {
  static_cast<void>(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0));
}

void futex_wake_all(const std::atomic<uint32_t>& word) {
  static_cast<void>(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(),
                            nullptr, nullptr, 0));
}

}  // namespace dak
