#include "dakkar/engine/memory_plan.h"

#include <gtest/gtest.h>

#include "dakkar/engine/cache_pool.h"

namespace dak {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

MemoryQuestion test_question() {
  return {.limit_bytes = 1000 * kMiB,
          .weight_bytes = 100 * kMiB,
          .spec = {.page_tokens = 128,
                   .page_bytes = kMiB,
                   .state_layers = 4,
                   .state_layer_bytes = kMiB,
                   .vocab = 1000},
          .max_model_len = 4096,
          .workspace_bytes = [](const StepLimits& limits) { return limits.tokens * 1024; }};
}

TEST(MemoryPlanTest, LeavesATenthAndCountsEverything) {
  const MemoryQuestion question = test_question();
  const MemoryPlan plan = plan_memory(question).value();
  const int64_t taken =
      question.weight_bytes + plan.limits.arena_bytes + plan.workspace_bytes + plan.arrays_bytes;
  EXPECT_LE(taken, 900 * kMiB);
  EXPECT_GT(taken, 890 * kMiB);
}

TEST(MemoryPlanTest, TakesNoMoreThanItsSequencesCanUse) {
  MemoryQuestion question = test_question();
  question.max_num_seqs = 2;
  const MemoryPlan plan = plan_memory(question).value();
  EXPECT_EQ(plan.limits.arena_bytes, CachePool::bytes_for(question.spec, 64, 2));
}

TEST(MemoryPlanTest, ReservesCarriesForPromptsThatMayOverlap) {
  MemoryQuestion question = test_question();
  question.spec.carry_layer_bytes = 2 * kMiB;
  question.max_num_seqs = 8;
  const MemoryPlan plan = plan_memory(question).value();
  EXPECT_EQ(plan.carries, 3);
  question.max_num_seqs = 1;
  const MemoryPlan one = plan_memory(question).value();
  EXPECT_EQ(one.carries, 1);
  EXPECT_EQ(one.limits.arena_bytes, CachePool::bytes_for(question.spec, 32, 1, 1));
  question.spec.carry_layer_bytes = 0;
  EXPECT_EQ(plan_memory(question).value().carries, 0);
}

TEST(MemoryPlanTest, ChoosesFewerSequencesWhenMemoryIsShort) {
  MemoryQuestion question = test_question();
  const int64_t many = plan_memory(question).value().max_num_seqs;
  question.limit_bytes = 400 * kMiB;
  const int64_t few = plan_memory(question).value().max_num_seqs;
  EXPECT_LT(few, many);
  EXPECT_GE(few, 1);
}

TEST(MemoryPlanTest, NamesTheLengthThatWouldFit) {
  MemoryQuestion question = test_question();
  question.max_model_len = 1 << 20;
  const auto plan = plan_memory(question);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().code, ErrorCode::kResourceExhausted);
  const std::string& message = plan.error().message;
  const size_t at = message.find("--max-model-len ");
  ASSERT_NE(at, std::string::npos) << message;
  question.max_model_len = std::stoll(message.substr(at + 16));
  question.max_num_seqs = 1;
  EXPECT_TRUE(plan_memory(question).has_value()) << message;
}

TEST(MemoryPlanTest, AGivenCacheSizeIsTakenInWholeExtents) {
  MemoryQuestion question = test_question();
  question.cache_bytes = 101 * kMiB;
  EXPECT_EQ(plan_memory(question).value().limits.arena_bytes, 100 * kMiB);
}

TEST(MemoryPlanTest, MemoryBelowTheWeightsIsAnErrorNotAWrap) {
  MemoryQuestion question = test_question();
  question.limit_bytes = 50 * kMiB;
  EXPECT_FALSE(plan_memory(question).has_value());
}

}  // namespace
}  // namespace dak
