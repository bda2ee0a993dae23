#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dakkar/server/http_message.h"

namespace dak {

/// What came of comparing the device with the reference kernels after the start.
struct SelfCheck {
  enum class Outcome { kPending, kPassed, kFailed, kSkipped } outcome = Outcome::kPending;
  std::string detail{};        ///< for people: what differs, or why it was skipped
  double logits_error = -1.0;  ///< relative; negative: not measured
  double state_error = -1.0;
  double seconds = 0.0;
};

/// Whether and why the server can answer requests.
struct Readiness {
  enum class Phase {
    kLoading,
    kReady,
    kStalled,  ///< the engine stands still, but may go on: requests are taken and wait
    kFaulty,   ///< the self-check failed: answers would be wrong, requests are refused
    kDraining,
    kDead,
  } phase = Phase::kLoading;
  std::string detail{};  ///< for people: what is being loaded, what it waits for, why it is dead
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  double seconds_left = -1.0;  ///< estimate while loading; negative when unknown
  SelfCheck check{};
};

/// "loading", "ready", "stalled", "faulty", "draining", "engine_dead".
[[nodiscard]] std::string_view phase_name(Readiness::Phase phase);
/// "pending", "passed", "failed", "skipped".
[[nodiscard]] std::string_view outcome_name(SelfCheck::Outcome outcome);

/// The answer of a probe's route: /livez, /api/hello, /readyz, /healthz, /health or /ping.
[[nodiscard]] HttpReply probe_reply(std::string_view path, const Readiness& now);

}  // namespace dak
