#pragma once

#include <atomic>
#include <cstdint>

#include "dakkar/base/clock.h"

namespace dak {

/// Shows other threads whether a loop still turns, without asking it.
class Heartbeat final {
 public:
  /// The loop has come around, or one of its steps has ended.
  void beat() {
    last_.store(steady_now().time_since_epoch().count(), std::memory_order_relaxed);
    resting_.store(false, std::memory_order_release);
  }
  /// The loop waits for work: standing still is right.
  void rest() { resting_.store(true, std::memory_order_release); }
  /// The loop has ended and will not come around again.
  void die() { dead_.store(true, std::memory_order_release); }

  [[nodiscard]] bool dead() const { return dead_.load(std::memory_order_acquire); }
  /// Seconds since the last beat; 0 while resting.
  [[nodiscard]] double seconds_since_beat() const {
    if (resting_.load(std::memory_order_acquire)) {
      return 0.0;
    }
    const SteadyTime last{SteadyTime::duration(last_.load(std::memory_order_relaxed))};
    return seconds_between(last, steady_now());
  }

 private:
  std::atomic<SteadyTime::rep> last_{steady_now().time_since_epoch().count()};
  std::atomic<bool> resting_{false};
  std::atomic<bool> dead_{false};
};

}  // namespace dak
