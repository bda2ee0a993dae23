#include "dakkar/engine/scheduler.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/engine/scheduler_driver.h"

namespace dak {
namespace {

using testing::Driver;
using testing::request_of;

TEST(SchedulerTest, PrefillIsCutAtMultiplesOf128) {
  Driver driver({.step_tokens = 300});
  driver.scheduler.add(1, request_of(700, 4));
  std::vector<int32_t> ends;
  while (ends.empty() || ends.back() < 700) {
    const GroupPlan group = driver.plan().value();
    ends.push_back(group.sequences[0].position + group.sequences[0].rows);
    EXPECT_EQ(group.sequences[0].draws(), ends.back() == 700);
    driver.commit();
  }
  EXPECT_EQ(ends, (std::vector<int32_t>{256, 512, 700}));
}

TEST(SchedulerTest, DecodesAreNotDelayedByALongPrefill) {
  Driver driver({.step_tokens = 256});
  driver.scheduler.add(1, request_of(10, 50));
  driver.plan();
  driver.scheduler.add(2, request_of(2000, 4));
  for (int i = 0; i < 8; ++i) {
    const GroupPlan group = driver.plan().value();
    EXPECT_EQ(group.decodes, 1);
    EXPECT_EQ(group.ids[0], -1);
    EXPECT_EQ(group.sequences[1].rows, 128);
    driver.commit();
  }
}

TEST(SchedulerTest, TheBudgetIsRaisedSoThatPrefillMovesOn) {
  const Driver driver({.seqs = 8, .step_tokens = 1});
  EXPECT_EQ(driver.scheduler.max_step_tokens(), 8 + 128);
}

TEST(SchedulerTest, TheNextStepIsPlannedBeforeTheLastOneIsKnown) {
  Driver driver({});
  driver.scheduler.add(1, request_of(10, 5));
  driver.plan();
  const GroupPlan next = driver.plan().value();
  EXPECT_EQ(next.sequences[0].position, 10);
  EXPECT_EQ(next.ids, (std::vector<TokenId>{-1}));
}

TEST(SchedulerTest, NoStepIsPlannedBeyondMaxTokens) {
  Driver driver({});
  driver.scheduler.add(1, request_of(10, 2));
  EXPECT_TRUE(driver.plan().has_value());
  EXPECT_TRUE(driver.plan().has_value());
  EXPECT_FALSE(driver.plan().has_value());
  driver.commit();
  const std::vector<Outcome> outcomes = driver.commit();
  EXPECT_EQ(outcomes[0].event.finish, FinishReason::kLength);
  EXPECT_EQ(driver.pool.used_pages(), 0);
}

TEST(SchedulerTest, TheContextEndsASequence) {
  Driver driver({.model_len = 12});
  driver.scheduler.add(1, request_of(10, 50));
  EXPECT_EQ(driver.run_to_end().at(1), 2);
}

TEST(SchedulerTest, TokensDrawnBehindAStopAreDropped) {
  Driver driver({});
  GenerationRequest request = request_of(10, 50);
  request.stop.stop_ids = {7};
  driver.scheduler.add(1, std::move(request));
  driver.plan();
  driver.plan();
  const std::vector<Outcome> outcomes = driver.commit(7);
  EXPECT_EQ(outcomes[0].event.finish, FinishReason::kStop);
  EXPECT_EQ(outcomes[0].event.stop_id, 7);
  EXPECT_EQ(driver.pool.used_slots(), 1) << "the step in flight still writes there";
  EXPECT_TRUE(driver.commit(7).empty());
  EXPECT_EQ(driver.pool.used_slots(), 0);
}

TEST(SchedulerTest, ACancelledSequenceIsLeftOutOfTheNextPlan) {
  Driver driver({});
  driver.scheduler.add(1, request_of(10, 50));
  driver.scheduler.add(2, request_of(10, 50));
  driver.plan();
  EXPECT_EQ(driver.scheduler.cancel(1)->event.finish, FinishReason::kAbort);
  EXPECT_EQ(driver.plan()->sequences.size(), 1U);
  EXPECT_EQ(driver.commit().size(), 1U);
  EXPECT_FALSE(driver.scheduler.cancel(1).has_value());
}

TEST(SchedulerTest, MemoryOfACancelledSequenceWaitsForTheLastLaunchedStep) {
  Driver driver({});
  driver.scheduler.add(1, request_of(10, 50));
  driver.plan();
  driver.plan();
  EXPECT_TRUE(driver.scheduler.cancel(1).has_value());
  driver.commit();
  EXPECT_EQ(driver.pool.used_pages(), 1);
  EXPECT_EQ(driver.pool.used_slots(), 1);
  driver.commit();
  EXPECT_EQ(driver.pool.used_pages(), 0);
  EXPECT_EQ(driver.pool.used_slots(), 0);
}

TEST(SchedulerTest, AFailedSlotEndsItsOwnRequestOnly) {
  Driver driver({});
  driver.scheduler.add(1, request_of(10, 50));
  driver.scheduler.add(2, request_of(10, 50));
  driver.plan();
  StepResult result;
  result.step = 1;
  result.tokens.resize(2);
  result.failed = {1, 0};
  const std::vector<Outcome> outcomes = driver.scheduler.commit(result);
  EXPECT_EQ(outcomes[0].event.finish, FinishReason::kError);
  EXPECT_FALSE(outcomes[1].event.finish.has_value());
}

TEST(SchedulerTest, WhoeverIsFirstInLineIsNotOvertaken) {
  // 3 extents: the first sequence takes one for its state and one for its pages.
  Driver driver({.extents = 4});
  driver.scheduler.add(1, request_of(200, 30));
  driver.plan();
  driver.scheduler.add(2, request_of(300, 30));
  driver.scheduler.add(3, request_of(10, 30));
  EXPECT_EQ(driver.plan()->sequences.size(), 1U);
  EXPECT_EQ(driver.scheduler.counts().waiting, 2);
}

TEST(SchedulerTest, PriorityOrdersTheQueueWhenThePolicySaysSo) {
  Driver driver({.seqs = 1, .policy = SchedulingPolicy::kPriority});
  GenerationRequest low = request_of(10, 3);
  low.priority = 5;
  driver.scheduler.add(1, std::move(low));
  driver.scheduler.add(2, request_of(20, 3));
  EXPECT_EQ(driver.plan()->sequences[0].rows, 20);
}

TEST(SchedulerTest, PriorityIsIgnoredByDefault) {
  Driver driver({.seqs = 1});
  GenerationRequest low = request_of(10, 3);
  low.priority = 5;
  driver.scheduler.add(1, std::move(low));
  driver.scheduler.add(2, request_of(20, 3));
  EXPECT_EQ(driver.plan()->sequences[0].rows, 10);
}

TEST(SchedulerTest, ForecastsThatWereTooLowArePaidByTheYoungest) {
  // Each sequence grows to 4 pages; together with two states that is more than 4 extents hold.
  Driver driver({.extents = 4, .forecast = 1});
  driver.scheduler.add(1, request_of(100, 400));
  driver.scheduler.add(2, request_of(100, 400));
  const auto tokens = driver.run_to_end();
  EXPECT_EQ(tokens, (std::map<uint64_t, int64_t>{{1, 400}, {2, 400}}));
  EXPECT_GT(driver.scheduler.counts().preemptions, 0);
  EXPECT_EQ(driver.scheduler.counts().admitted, 2);
  EXPECT_EQ(driver.pool.used_pages(), 0);
}

TEST(SchedulerTest, APreemptedSequenceIsComputedAgainWithItsOutput) {
  Driver driver({.extents = 4, .forecast = 1});
  driver.scheduler.add(1, request_of(100, 400));
  driver.scheduler.add(2, request_of(100, 400));
  while (driver.scheduler.counts().preemptions == 0) {
    driver.plan();
    driver.commit();
  }
  ASSERT_TRUE(driver.scheduler.cancel(1).has_value());
  std::optional<GroupPlan> again = driver.plan();
  while (!again.has_value() || again->sequences.empty() || again->sequences[0].position != 0) {
    driver.commit();
    again = driver.plan();
  }
  EXPECT_GT(again->sequences[0].rows, 100);
  EXPECT_EQ(again->sequences[0].sampling.prompt_tokens, 100);
  EXPECT_EQ(again->ids[100], 1) << "a known output token is part of what is computed again";
}

TEST(SchedulerTest, SamplingListsAreSentWhereTheyMatter) {
  Driver driver({});
  GenerationRequest request = request_of(10, 5);
  request.sampling.logit_bias = {{4, 1.5F}};
  request.sampling.presence_penalty = 0.5F;
  request.stop.stop_ids = {7, 8};
  request.stop.min_tokens = 1;
  driver.scheduler.add(1, std::move(request));
  const GroupPlan first = driver.plan().value();
  EXPECT_EQ(first.sequences[0].sampling.uses_history, 1);
  EXPECT_EQ(first.bias_ids, (std::vector<TokenId>{4}));
  EXPECT_EQ(first.stop_ids, (std::vector<TokenId>{7, 8}));
  const GroupPlan second = driver.plan().value();
  EXPECT_TRUE(second.stop_ids.empty()) << "min_tokens are reached";
}

/// A request that can never be served, and the field at fault.
struct Refusal {
  const char* param;
  void (*apply)(GenerationRequest&);
};

class SchedulerRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(SchedulerRefusalTest, NamesTheField) {
  Driver driver({.extents = 3});
  GenerationRequest request = request_of(10, 5);
  ASSERT_TRUE(driver.scheduler.accepts(request).has_value());
  GetParam().apply(request);
  const Status status = driver.scheduler.accepts(request);
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(status.error().param, GetParam().param) << status.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Requests, SchedulerRefusalTest,
    ::testing::Values(
        Refusal{"prompt", [](GenerationRequest& r) { r.prompt.clear(); }},
        Refusal{"prompt", [](GenerationRequest& r) { r.prompt[3] = 100; }},
        Refusal{"prompt", [](GenerationRequest& r) { r.prompt[3] = -1; }},
        Refusal{"prompt", [](GenerationRequest& r) { r.prompt.assign(4096, 1); }},
        Refusal{"max_tokens", [](GenerationRequest& r) { r.stop.max_tokens = 4000; }},
        Refusal{"max_tokens", [](GenerationRequest& r) { r.stop.max_tokens = 0; }},
        Refusal{"stop_token_ids", [](GenerationRequest& r) { r.stop.stop_ids = {100}; }},
        Refusal{"logit_bias",
                [](GenerationRequest& r) {
                  r.sampling.logit_bias = {{100, 1.0F}};
                }},
        Refusal{"top_logprobs", [](GenerationRequest& r) { r.sampling.top_logprobs = 21; }},
        Refusal{"stop", [](GenerationRequest& r) { r.stop.stop_strings = {"x"}; }}));

}  // namespace
}  // namespace dak
