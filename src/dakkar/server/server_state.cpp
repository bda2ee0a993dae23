#include "dakkar/server/server_state.h"

#include <fmt/core.h>

namespace dak {

void ServerState::set_loading(std::string_view phase, int64_t bytes_done, int64_t bytes_total) {
  const std::lock_guard lock(mutex_);
  if (phase_ != phase) {
    phase_ = phase;
    phase_start_ = steady_now();
  }
  bytes_done_ = bytes_done;
  bytes_total_ = bytes_total;
}

void ServerState::set_ready(const Served& served) {
  served_ = served;
  ready_ = true;
}

Readiness ServerState::readiness() const {
  Readiness now;
  if (ready_) {
    const EngineStats stats = served_.engine->stats();
    if (!stats.alive) {
      now.phase = Readiness::Phase::kDead;
      now.detail = "the engine has died";
    } else if (stats.seconds_since_progress > stall_seconds_) {
      now.phase = Readiness::Phase::kDead;
      now.detail =
          fmt::format("the engine has stood still for {:.0f} s", stats.seconds_since_progress);
    } else {
      now.phase = draining_ ? Readiness::Phase::kDraining : Readiness::Phase::kReady;
    }
    return now;
  }
  const std::lock_guard lock(mutex_);
  now.detail = phase_;
  now.bytes_done = bytes_done_;
  now.bytes_total = bytes_total_;
  const double seconds = seconds_between(phase_start_, steady_now());
  if (bytes_done_ > 0 && bytes_total_ > bytes_done_) {
    now.seconds_left = seconds * static_cast<double>(bytes_total_ - bytes_done_) /
                       static_cast<double>(bytes_done_);
  }
  return now;
}

std::string_view phase_name(Readiness::Phase phase) {
  switch (phase) {
    case Readiness::Phase::kLoading:
      return "loading";
    case Readiness::Phase::kReady:
      return "ready";
    case Readiness::Phase::kDraining:
      return "draining";
    case Readiness::Phase::kDead:
      return "engine_dead";
  }
  return "engine_dead";
}

}  // namespace dak
