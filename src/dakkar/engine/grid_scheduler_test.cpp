#include "dakkar/engine/grid_scheduler.h"

#include <gtest/gtest.h>

namespace dak {
namespace {

GenerationRequest request_of(int64_t prompt, int64_t max_tokens) {
  GenerationRequest request;
  request.prompt.resize(static_cast<size_t>(prompt), 1);
  request.stop.max_tokens = max_tokens;
  return request;
}

/// Two groups with four slots each, and results as ranks would give them.
class GridSchedulerTest : public testing::Test {
 protected:
  static constexpr CacheSpec kSpec = {.page_tokens = 128,
                                      .page_bytes = 1 << 20,
                                      .state_layers = 1,
                                      .state_layer_bytes = 256,
                                      .vocab = 10};

  static GridSchedulerConfig config() {
    return {.grid = {.dp = 2},
            .pool = {.spec = kSpec, .arena_bytes = int64_t{16} << 20, .slots = 4},
            .scheduler = {.max_model_len = 1024, .max_num_seqs = 4, .max_step_tokens = 512}};
  }

  static std::vector<StepResult> results_for(const StepPlan& plan) {
    std::vector<StepResult> results;
    for (const GroupPlan& group : plan.groups) {
      StepResult& result = results.emplace_back();
      result.step = plan.step;
      result.tokens.resize(static_cast<size_t>(group.draws()));
      result.failed.resize(group.sequences.size());
    }
    return results;
  }

  GridScheduler scheduler{config()};
};

TEST_F(GridSchedulerTest, RequestsGoToTheGroupWithFewestTokens) {
  scheduler.add(1, request_of(300, 10));
  scheduler.add(2, request_of(100, 10));
  scheduler.add(3, request_of(100, 10));
  scheduler.add(4, request_of(10, 10));
  const StepPlan plan = scheduler.plan().value();
  ASSERT_EQ(plan.groups.size(), 2U);
  ASSERT_EQ(plan.groups[0].sequences.size(), 1U);
  EXPECT_EQ(plan.groups[0].sequences[0].handle, 1U);
  ASSERT_EQ(plan.groups[1].sequences.size(), 3U);
  EXPECT_EQ(plan.groups[1].sequences[2].handle, 4U);
}

TEST_F(GridSchedulerTest, AGroupWithoutWorkTakesAnEmptyPartInEveryStep) {
  scheduler.add(1, request_of(5, 3));
  int64_t steps = 0;
  while (!scheduler.idle()) {
    const StepPlan plan = scheduler.plan().value();
    EXPECT_EQ(plan.dp, 2);
    EXPECT_TRUE(plan.groups.at(1).sequences.empty());
    EXPECT_EQ(plan.step, static_cast<uint64_t>(++steps));
    static_cast<void>(scheduler.commit(results_for(plan)));
    scheduler.check_invariants();
  }
  EXPECT_EQ(steps, 3);
  EXPECT_FALSE(scheduler.plan().has_value());
}

TEST_F(GridSchedulerTest, GroupsThatJoinLaterAreCommittedByTheirOwnSteps) {
  scheduler.add(1, request_of(5, 20));
  const StepPlan first = scheduler.plan().value();
  scheduler.add(2, request_of(5, 20));
  const StepPlan second = scheduler.plan().value();
  EXPECT_EQ(second.groups[1].sequences.size(), 1U);
  EXPECT_EQ(scheduler.commit(results_for(first)).size(), 1U);
  EXPECT_EQ(scheduler.commit(results_for(second)).size(), 2U);
  EXPECT_EQ(scheduler.counts().running, 2);
}

TEST_F(GridSchedulerTest, CancelsAndCountsReachEveryGroup) {
  scheduler.add(1, request_of(5, 20));
  scheduler.add(2, request_of(5, 20));
  const StepPlan plan = scheduler.plan().value();
  EXPECT_EQ(scheduler.pool_counts().slots_used, 2);
  EXPECT_EQ(scheduler.pool_counts().slots_total, 8);
  EXPECT_TRUE(scheduler.cancel(2).has_value());
  EXPECT_FALSE(scheduler.cancel(2).has_value());
  static_cast<void>(scheduler.commit(results_for(plan)));
  EXPECT_EQ(scheduler.counts().running, 1);
  EXPECT_EQ(scheduler.end_all(FinishReason::kAbort, "").size(), 1U);
  EXPECT_TRUE(scheduler.idle());
}

}  // namespace
}  // namespace dak
