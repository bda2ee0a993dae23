#pragma once

#include <atomic>
#include <cstdint>

namespace dak {

/// Sleeps in the kernel while `word` holds `expected`; may return early, so callers look again.
void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected);

/// Wakes all threads that sleep on `word`.
void futex_wake_all(const std::atomic<uint32_t>& word);

}  // namespace dak
