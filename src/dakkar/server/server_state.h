#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "dakkar/api/checkpoint_text.h"
#include "dakkar/api/served_model.h"
#include "dakkar/base/clock.h"
#include "dakkar/engine/engine.h"
#include "dakkar/server/health.h"

namespace dak {

/// A loaded model and all that answers for it; borrowed.
struct Served {
  Engine* engine = nullptr;
  const CheckpointText* text = nullptr;
  const ServedModel* model = nullptr;
  EngineStats before;  ///< what the engine had done before the first request; metrics leave it out
};

/// What the server knows about itself: its phase and its self-check. Thread-safe.
class ServerState final {
 public:
  explicit ServerState(double stall_seconds) : stall_seconds_(stall_seconds) {}

  /// Notes how far loading has come.
  void set_loading(std::string_view phase, int64_t bytes_done, int64_t bytes_total);
  /// From now on requests are answered with `served`, which lives until the server is gone.
  void set_ready(const Served& served);
  /// Notes what came of the self-check; a failed one ends readiness.
  void set_self_check(const SelfCheck& check);
  /// From now on new requests are refused; what runs may finish.
  void begin_drain() { draining_ = true; }

  /// The loaded model; null while loading. Also there while draining or dead.
  [[nodiscard]] const Served* served() const { return ready_ ? &served_ : nullptr; }
  /// Looks at the engine as well: one that died or stands still shows at once.
  [[nodiscard]] Readiness readiness() const;

 private:
  void look_at_engine(Readiness& now) const;

  const double stall_seconds_;
  std::atomic<bool> ready_ = false;  ///< `served_` is set
  std::atomic<bool> draining_ = false;
  Served served_;
  mutable std::mutex mutex_;
  std::string phase_ = "starting";
  int64_t bytes_done_ = 0;
  int64_t bytes_total_ = 0;
  SteadyTime phase_start_ = steady_now();
  SelfCheck check_;
};

}  // namespace dak
