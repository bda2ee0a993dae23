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

void ServerState::set_self_check(const SelfCheck& check) {
  const std::lock_guard lock(mutex_);
  check_ = check;
}

Readiness ServerState::readiness() const {
  Readiness now;
  const std::lock_guard lock(mutex_);
  now.check = check_;
  if (ready_) {
    look_at_engine(now);
    return now;
  }
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

void ServerState::look_at_engine(Readiness& now) const {
  const EngineStats stats = served_.engine->stats();
  if (!stats.alive) {
    now.phase = Readiness::Phase::kDead;
    now.detail = "the engine has died";
  } else if (now.check.outcome == SelfCheck::Outcome::kFailed) {
    now.phase = Readiness::Phase::kFaulty;
    now.detail = "the self-check failed: " + now.check.detail;
  } else if (draining_) {
    now.phase = Readiness::Phase::kDraining;
  } else if (stats.stalled || stats.seconds_since_progress > stall_seconds_) {
    now.phase = Readiness::Phase::kStalled;
    now.detail = fmt::format("the engine has stood still for {:.0f} s: {}",
                             stats.seconds_since_progress, stats.waits_for);
  } else {
    now.phase = Readiness::Phase::kReady;
  }
}

}  // namespace dak
