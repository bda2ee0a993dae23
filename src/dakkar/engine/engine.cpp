#include "dakkar/engine/engine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/core.h>

#include "dakkar/device/backend.h"
#include "dakkar/engine/engine_loop.h"
#include "dakkar/engine/memory_plan.h"
#include "dakkar/engine/token_bytes.h"
#include "dakkar/engine/watchdog.h"
#include "dakkar/model/model.h"
#include "dakkar/weights/model_config.h"

namespace dak {
namespace {

/// Sequences of all groups together where nobody says how many.
constexpr int64_t kDefaultSequences = 256;

SteadyTime after(double seconds) {
  return steady_now() + std::chrono::duration_cast<SteadyTime::duration>(
                            std::chrono::duration<double>(std::max(0.0, seconds)));
}

class RunningEngine final : public Engine {
 public:
  RunningEngine(EngineLoop::Parts parts, const EngineConfig& limits)
      : limits_(limits),
        streams_([this](uint64_t handle) { cancel(handle); }),
        loop_(std::move(parts), streams_),
        thread_([this] { loop_.run(); }),
        watchdog_(limits.stall_seconds, [this] { return loop_.progress(); }) {}

  ~RunningEngine() override {
    loop_.inbox().close();
    thread_.join();
  }

  Result<std::unique_ptr<TokenStream>> submit(GenerationRequest request,
                                              std::function<void()> wake) override;
  void cancel(uint64_t handle) override;
  void drain(double seconds) override;
  [[nodiscard]] EngineStats stats() const override;
  [[nodiscard]] int64_t max_model_len() const override { return limits_.max_model_len; }
  [[nodiscard]] int64_t max_num_seqs() const override { return limits_.max_num_seqs; }
  [[nodiscard]] const CacheSpec& cache_spec() const override { return loop_.cache_spec(); }

 private:
  [[nodiscard]] Status check_open() const;

  const EngineConfig limits_;  ///< in force: no zeros
  std::atomic<int64_t> refused_{0};
  std::mutex submit_mutex_;  ///< handles reach the inbox in order; guards what follows
  uint64_t next_handle_ = 1;
  bool draining_ = false;
  StreamTable streams_;
  EngineLoop loop_;
  std::thread thread_;  ///< it uses the others
  Watchdog watchdog_;   ///< last: it looks at the loop
};

Status RunningEngine::check_open() const {
  if (loop_.heartbeat().dead()) {
    return fail(ErrorCode::kUnavailable, "the engine has died");
  }
  if (draining_) {
    return fail(ErrorCode::kUnavailable, "the server is shutting down");
  }
  const int64_t queued = loop_.queued();
  if (queued >= limits_.max_queued) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} requests are waiting already, try again later", queued));
  }
  return {};
}

Result<std::unique_ptr<TokenStream>> RunningEngine::submit(GenerationRequest request,
                                                           std::function<void()> wake) {
  Status status = loop_.accepts(request);
  std::lock_guard lock(submit_mutex_);
  status = status.has_value() ? check_open() : status;
  if (!status.has_value()) {
    refused_.fetch_add(1);
    return fail(std::move(status.error()));
  }
  const uint64_t handle = next_handle_++;
  // The stream first: the request may end before this function does.
  std::unique_ptr<TokenStream> stream = streams_.open(handle, std::move(wake));
  loop_.expect_one();
  EngineCommand command = SubmitCommand{.handle = handle, .request = std::move(request)};
  if (!loop_.inbox().try_push(command)) {
    refused_.fetch_add(1);
    return fail(ErrorCode::kUnavailable, "the engine has died");
  }
  return stream;
}

void RunningEngine::cancel(uint64_t handle) {
  EngineCommand command = CancelCommand{.handle = handle};
  // A closed inbox means that everything has ended already.
  static_cast<void>(loop_.inbox().try_push(command));
}

void RunningEngine::drain(double seconds) {
  {
    std::lock_guard lock(submit_mutex_);
    draining_ = true;
  }
  if (streams_.wait_until_empty(after(seconds))) {
    return;
  }
  EngineCommand command = AbortAllCommand{};
  static_cast<void>(loop_.inbox().try_push(command));
  // The step under way ends first; one that hangs must not keep the process from ending.
  static_cast<void>(streams_.wait_until_empty(after(limits_.stall_seconds)));
}

EngineStats RunningEngine::stats() const {
  EngineStats stats = loop_.stats();
  stats.refused = refused_.load();
  stats.seconds_since_progress = loop_.heartbeat().seconds_since_beat();
  stats.alive = !loop_.heartbeat().dead();
  stats.stalled = stats.alive && stats.seconds_since_progress >= limits_.stall_seconds;
  if (stats.stalled) {
    stats.waits_for = loop_.progress().waits_for;
  }
  return stats;
}

Result<EngineConfig> complete_limits(const EngineParts& parts) {
  EngineConfig limits = parts.limits;
  if (limits.max_model_len == 0 && parts.config != nullptr) {
    limits.max_model_len = parts.config->max_positions;
  }
  if (limits.max_model_len < 2 || limits.max_model_len > std::numeric_limits<int32_t>::max()) {
    return fail(ErrorCode::kInvalidArgument, "--max-model-len must be at least 2", "max_model_len");
  }
  if (limits.max_num_seqs < 0 || limits.max_step_tokens < 0 || limits.max_queued < 1 ||
      limits.cache_bytes < 0) {
    return fail(ErrorCode::kInvalidArgument, "an engine limit is negative");
  }
  if (Status grid = check_grid(limits.grid); !grid.has_value()) {
    return fail(std::move(grid.error()));
  }
  return limits;
}

MemoryQuestion memory_question(const EngineParts& parts, const EngineConfig& limits,
                               const Executor& executor) {
  return {
      .limit_bytes = parts.backend->memory_limit_bytes(limits.grid.ranks()) -
                     limits.reserved_bytes / limits.grid.ranks(),
      .weight_bytes = executor.rank_weight_bytes(),
      .spec = executor.cache_spec(),
      .max_model_len = limits.max_model_len,
      .max_num_seqs = (limits.max_num_seqs + limits.grid.dp - 1) / limits.grid.dp,
      .default_num_seqs = std::max<int64_t>(1, kDefaultSequences / limits.grid.dp),
      .max_step_tokens = limits.max_step_tokens,
      .cache_bytes = limits.cache_bytes,
      .workspace_bytes = [&](const StepLimits& step) { return executor.workspace_bytes(step); }};
}

EngineLoop::Parts loop_parts(const EngineParts& parts, const EngineConfig& limits,
                             const MemoryPlan& memory) {
  EngineLoop::Parts loop;
  loop.scheduler.grid = limits.grid;
  loop.scheduler.pool = {.spec = memory.limits.cache,
                         .arena_bytes = memory.limits.arena_bytes,
                         .slots = memory.limits.slots,
                         .carries = memory.carries,
                         .placement_seed = limits.placement_seed};
  loop.scheduler.scheduler = {.max_model_len = limits.max_model_len,
                              .max_num_seqs = memory.max_num_seqs,
                              .max_step_tokens = limits.max_step_tokens,
                              .forecast_tokens = limits.forecast_tokens,
                              .policy = limits.policy,
                              .token_bytes = parts.token_bytes,
                              .cut = parts.cut};
  return loop;
}

}  // namespace

Result<std::unique_ptr<Engine>> start_engine(const EngineParts& parts) {
  auto limits = complete_limits(parts);
  if (!limits.has_value()) {
    return fail(std::move(limits.error()));
  }
  auto executor = Executor::start({.load = parts.load ? parts.load : ModelLoader(load_model),
                                   .load_args = {.config = parts.config,
                                                 .quant = parts.quant,
                                                 .weights = parts.weights,
                                                 .backend = parts.backend,
                                                 .numerics = limits->numerics,
                                                 .tp = limits->grid.tp,
                                                 .dp = limits->grid.dp,
                                                 .ep = limits->grid.ep,
                                                 .state = limits->state}});
  if (!executor.has_value()) {
    return fail(std::move(executor.error()));
  }
  auto memory = plan_memory(memory_question(parts, *limits, **executor));
  if (!memory.has_value()) {
    return fail(std::move(memory.error()));
  }
  limits->max_num_seqs = memory->max_num_seqs * limits->grid.dp;
  limits->max_step_tokens = memory->max_step_tokens;
  if (Status status = (*executor)->prepare(
          {.limits = memory->limits, .workspace_bytes = memory->workspace_bytes});
      !status.has_value()) {
    return fail(std::move(status.error()));
  }
  EngineLoop::Parts loop = loop_parts(parts, *limits, *memory);
  loop.executor = std::move(*executor);
  return std::make_unique<RunningEngine>(std::move(loop), *limits);
}

}  // namespace dak
