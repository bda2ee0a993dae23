#include "dakkar/engine/watchdog.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/log.h"

namespace dak {

std::optional<std::string> StallNotes::look(const Progress& progress) {
  const bool stalled = progress.seconds_since >= stall_seconds_;
  if (!stalled && longest_ > 0.0) {
    return fmt::format("the engine moves again after more than {:.1f} s",
                       std::exchange(longest_, 0.0));
  }
  const bool begins = stalled && longest_ == 0.0;
  longest_ = stalled ? progress.seconds_since : 0.0;
  return begins ? std::optional(fmt::format("the engine has stood still for {:.1f} s: {}",
                                            progress.seconds_since, progress.waits_for))
                : std::nullopt;
}

Watchdog::Watchdog(double stall_seconds, std::function<Progress()> look)
    : look_(std::move(look)), thread_([this, stall_seconds] { run(stall_seconds); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
}

void Watchdog::run(double stall_seconds) {
  StallNotes notes(stall_seconds);
  const std::chrono::duration<double> pause(std::clamp(stall_seconds / 4.0, 0.001, 1.0));
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, pause, [this] { return stopping_; })) {
    if (const std::optional<std::string> note = notes.look(look_())) {
      log_warning(*note);
    }
  }
}

}  // namespace dak
