#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/base/rank_grid.h"
#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/scheduler.h"

namespace dak {

/// Sizes and rules; pool and scheduler are those of one dp group.
struct GridSchedulerConfig {
  RankGrid grid{};
  CachePoolConfig pool;
  SchedulerConfig scheduler;
};

/// Pages and slots of all groups together.
struct PoolCounts {
  int64_t pages_total = 0;
  int64_t pages_used = 0;
  int64_t slots_total = 0;
  int64_t slots_used = 0;
};

/// Schedules the whole grid: a scheduler and a cache pool for each dp group, whose plans become one
/// step of all ranks. A request belongs to one group from its arrival to its end: the one whose
/// sequences hold or wait for the fewest tokens then. Pure policy, as `Scheduler`.
class GridScheduler final {
 public:
  explicit GridScheduler(const GridSchedulerConfig& config);

  /// As of `Scheduler`; all groups are alike.
  [[nodiscard]] Status accepts(const GenerationRequest& request) const;
  void add(uint64_t handle, GenerationRequest request);
  [[nodiscard]] std::optional<Outcome> cancel(uint64_t handle);
  [[nodiscard]] std::vector<Outcome> end_all(FinishReason reason, const std::string& message);

  /// The next step; groups that cannot move have an empty part in it. Nothing when none can.
  [[nodiscard]] std::optional<StepPlan> plan();
  /// Takes the results of the oldest plan not yet committed, one per group.
  [[nodiscard]] std::vector<Outcome> commit(std::vector<StepResult> results);

  [[nodiscard]] bool idle() const;
  [[nodiscard]] int64_t steps_in_flight() const { return std::ssize(launched_); }
  [[nodiscard]] SchedulerCounts counts() const;
  [[nodiscard]] PoolCounts pool_counts() const;
  [[nodiscard]] const CacheSpec& cache_spec() const { return groups_.front()->pool.spec(); }

  /// Aborts when bookkeeping contradicts itself; for tests, after each step.
  void check_invariants() const;

 private:
  struct Group {
    explicit Group(const GridSchedulerConfig& config)
        : pool(config.pool), scheduler(config.scheduler, pool) {}

    CachePool pool;
    Scheduler scheduler;
  };
  struct Launched {
    uint64_t step;
    std::vector<std::optional<uint64_t>> group_steps;  ///< a group's own number, if it took part
  };

  const RankGrid grid_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::deque<Launched> launched_;
  uint64_t last_step_ = 0;
};

}  // namespace dak
