#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "dakkar/base/mailbox.h"
#include "dakkar/engine/engine.h"
#include "dakkar/engine/executor.h"
#include "dakkar/engine/grid_scheduler.h"
#include "dakkar/engine/heartbeat.h"
#include "dakkar/engine/stream_table.h"
#include "dakkar/engine/watchdog.h"

namespace dak {

/// A message to the engine thread.
struct SubmitCommand {
  uint64_t handle = 0;
  GenerationRequest request;
};
struct CancelCommand {
  uint64_t handle = 0;
};
struct AbortAllCommand {};
using EngineCommand = std::variant<SubmitCommand, CancelCommand, AbortAllCommand>;

/// The engine thread's work: takes commands, plans, launches, reads the step before, publishes.
class EngineLoop final {
 public:
  struct Parts {
    std::unique_ptr<Executor> executor;
    GridSchedulerConfig scheduler;
  };

  EngineLoop(Parts parts, StreamTable& streams);

  /// Turns until the inbox is closed or a rank dies, then ends what is left.
  void run();

  /// The only ways in, from any thread.
  [[nodiscard]] Mailbox<EngineCommand>& inbox() { return inbox_; }
  /// Notes a request on its way into the inbox; the loop takes it off again.
  void expect_one() { arriving_.fetch_add(1); }
  /// Requests that have not been scheduled yet.
  [[nodiscard]] int64_t queued() const { return arriving_.load() + stats().waiting; }
  [[nodiscard]] const Heartbeat& heartbeat() const { return heartbeat_; }
  /// Whether a request can ever be served (`Scheduler::accepts`).
  [[nodiscard]] Status accepts(const GenerationRequest& request) const {
    return scheduler_.accepts(request);
  }
  /// How long nothing has moved, and what the loop waits for.
  [[nodiscard]] Progress progress() const;
  /// A copy of the figures of the last turn.
  [[nodiscard]] EngineStats stats() const;
  [[nodiscard]] const CacheSpec& cache_spec() const { return scheduler_.cache_spec(); }

 private:
  struct LaunchedStep {
    int64_t number = 0;
    int64_t tokens = 0;
    int64_t sequences = 0;
  };

  [[nodiscard]] bool take_commands();
  void obey(EngineCommand command);
  [[nodiscard]] Status turn();
  void publish(std::vector<Outcome> outcomes);
  void count_finish(FinishReason reason);
  void refresh_stats();
  void note_launch(const StepPlan& plan);
  void end(FinishReason reason, const std::string& message);

  StreamTable& streams_;
  std::unique_ptr<Executor> executor_;
  GridScheduler scheduler_;
  Mailbox<EngineCommand> inbox_;
  std::atomic<int64_t> arriving_{0};
  Heartbeat heartbeat_;
  const int64_t weight_bytes_;
  int64_t steps_ = 0;
  EngineStats finished_;  ///< only its finish counts are used
  mutable std::mutex stats_mutex_;
  EngineStats stats_;
  LaunchedStep last_step_;  ///< guarded too
};

}  // namespace dak
