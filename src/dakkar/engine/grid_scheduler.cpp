#include "dakkar/engine/grid_scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace dak {

GridScheduler::GridScheduler(const GridSchedulerConfig& config) : grid_(config.grid) {
  for (int group = 0; group < grid_.dp; ++group) {
    groups_.push_back(std::make_unique<Group>(config));
  }
}

Status GridScheduler::accepts(const GenerationRequest& request) const {
  return groups_.front()->scheduler.accepts(request);
}

void GridScheduler::add(uint64_t handle, GenerationRequest request) {
  const auto least =
      std::min_element(groups_.begin(), groups_.end(), [](const auto& left, const auto& right) {
        return left->scheduler.load_tokens() < right->scheduler.load_tokens();
      });
  (*least)->scheduler.add(handle, std::move(request));
}

std::optional<Outcome> GridScheduler::cancel(uint64_t handle) {
  for (const auto& group : groups_) {
    if (std::optional<Outcome> outcome = group->scheduler.cancel(handle)) {
      return outcome;
    }
  }
  return std::nullopt;
}

std::vector<Outcome> GridScheduler::end_all(FinishReason reason, const std::string& message) {
  std::vector<Outcome> outcomes;
  for (const auto& group : groups_) {
    std::vector<Outcome> ended = group->scheduler.end_all(reason, message);
    std::move(ended.begin(), ended.end(), std::back_inserter(outcomes));
  }
  return outcomes;
}

std::optional<StepPlan> GridScheduler::plan() {
  StepPlan plan{
      .step = last_step_ + 1, .tp = grid_.tp, .dp = grid_.dp, .ep = grid_.ep, .groups = {}};
  Launched launched{.step = plan.step, .group_steps = {}};
  for (const auto& group : groups_) {
    std::optional<StepPlan> part = group->scheduler.plan();
    launched.group_steps.push_back(part.has_value() ? std::optional(part->step) : std::nullopt);
    plan.groups.push_back(part.has_value() ? std::move(part->groups.front()) : GroupPlan());
  }
  const auto took_part = [](const std::optional<uint64_t>& step) { return step.has_value(); };
  if (std::none_of(launched.group_steps.begin(), launched.group_steps.end(), took_part)) {
    return std::nullopt;
  }
  launched_.push_back(std::move(launched));
  ++last_step_;
  return plan;
}

std::vector<Outcome> GridScheduler::commit(std::vector<StepResult> results) {
  check(!launched_.empty() && results.size() == groups_.size(), "a step has a result per group");
  const Launched launched = std::move(launched_.front());
  launched_.pop_front();
  std::vector<Outcome> outcomes;
  for (size_t g = 0; g < groups_.size(); ++g) {
    check(results[g].step == launched.step, "a result does not belong to the oldest step");
    if (launched.group_steps[g].has_value()) {
      results[g].step = *launched.group_steps[g];
      std::vector<Outcome> part = groups_[g]->scheduler.commit(results[g]);
      std::move(part.begin(), part.end(), std::back_inserter(outcomes));
    }
  }
  return outcomes;
}

bool GridScheduler::idle() const {
  return std::all_of(groups_.begin(), groups_.end(),
                     [](const auto& group) { return group->scheduler.idle(); });
}

SchedulerCounts GridScheduler::counts() const {
  SchedulerCounts sum;
  for (const auto& group : groups_) {
    const SchedulerCounts counts = group->scheduler.counts();
    sum.running += counts.running;
    sum.waiting += counts.waiting;
    sum.prompt_tokens += counts.prompt_tokens;
    sum.generated_tokens += counts.generated_tokens;
    sum.preemptions += counts.preemptions;
    sum.admitted += counts.admitted;
  }
  return sum;
}

PoolCounts GridScheduler::pool_counts() const {
  PoolCounts sum;
  for (const auto& group : groups_) {
    const CachePool& pool = group->pool;
    sum.pages_used += pool.used_pages();
    sum.pages_total += pool.used_pages() + pool.free_pages();
    sum.slots_used += pool.used_slots();
    sum.slots_total += pool.slots();
  }
  return sum;
}

void GridScheduler::check_invariants() const {
  for (const auto& group : groups_) {
    group->scheduler.check_invariants();
    check(group->scheduler.steps_in_flight() <= steps_in_flight(),
          "a group awaits steps that the grid does not");
  }
}

}  // namespace dak
