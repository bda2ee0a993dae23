#pragma once

#include <chrono>

namespace dak {

/// Monotonic time, the only clock that durations and timeouts are measured with.
using SteadyTime = std::chrono::steady_clock::time_point;

/// Reads the monotonic clock.
[[nodiscard]] inline SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}

/// Seconds from `begin` to `end`.
[[nodiscard]] inline double seconds_between(SteadyTime begin, SteadyTime end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace dak
