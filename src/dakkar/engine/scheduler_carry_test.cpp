#include <algorithm>
#include <random>

#include <gtest/gtest.h>

#include "dakkar/engine/scheduler_driver.h"

namespace dak {
namespace {

using testing::Driver;
using testing::request_of;
using testing::Sizes;

/// Slots of two blocks of half an extent; a carry is two whole extents.
Sizes carrying(Sizes sizes) {
  sizes.spec.carry_layer_bytes = testing::kExtent;
  sizes.carries = sizes.carries == 0 ? 4 : sizes.carries;
  return sizes;
}

CarryUse use_of(const GroupPlan& group, uint64_t handle) {
  for (const SequencePlan& sequence : group.sequences) {
    if (sequence.handle == handle) {
      return sequence.carry;
    }
  }
  return CarryUse::kNone;
}

bool has(const GroupPlan& group, uint64_t handle) {
  return std::any_of(group.sequences.begin(), group.sequences.end(),
                     [&](const SequencePlan& sequence) { return sequence.handle == handle; });
}

TEST(SchedulerCarryTest, APromptOfSeveralStepsCarriesItsState) {
  Driver driver(carrying({.step_tokens = 300}));
  driver.scheduler.add(1, request_of(700, 4));
  const GroupPlan first = driver.plan().value();
  EXPECT_EQ(first.sequences[0].carry, CarryUse::kWrite);
  EXPECT_EQ(first.carry_offsets.size(), 2U);
  const GroupPlan second = driver.plan().value();
  EXPECT_EQ(second.sequences[0].carry, CarryUse::kReadWrite);
  EXPECT_TRUE(second.carry_offsets.empty()) << "ranks keep what they were sent";
  driver.commit();
  const GroupPlan last = driver.plan().value();
  EXPECT_EQ(last.sequences[0].carry, CarryUse::kRead);
  driver.commit();
  EXPECT_EQ(driver.plan()->sequences[0].carry, CarryUse::kNone);
}

TEST(SchedulerCarryTest, APromptOfOneStepTakesNone) {
  Driver driver(carrying({.step_tokens = 300}));
  driver.scheduler.add(1, request_of(300, 4));
  EXPECT_EQ(driver.plan()->sequences[0].carry, CarryUse::kNone);
  EXPECT_EQ(driver.pool.used_carries(), 0);
}

TEST(SchedulerCarryTest, ACarryIsFreeOnceThePromptsEndHasBeenComputed) {
  Driver driver(carrying({.step_tokens = 300}));
  driver.scheduler.add(1, request_of(500, 4));
  driver.plan();
  EXPECT_EQ(driver.plan()->sequences[0].carry, CarryUse::kRead);
  EXPECT_EQ(driver.pool.used_carries(), 1) << "the step in flight still reads it";
  driver.commit();
  EXPECT_EQ(driver.pool.used_carries(), 1);
  driver.commit();
  EXPECT_EQ(driver.pool.used_carries(), 0);
}

TEST(SchedulerCarryTest, ACancelledPrefillGivesItsCarryBackInTwoPhases) {
  Driver driver(carrying({.step_tokens = 300}));
  driver.scheduler.add(1, request_of(900, 4));
  driver.plan();
  driver.plan();
  ASSERT_TRUE(driver.scheduler.cancel(1).has_value());
  EXPECT_EQ(driver.pool.used_carries(), 1) << "steps in flight still write there";
  driver.commit();
  EXPECT_EQ(driver.pool.used_carries(), 1);
  driver.commit();
  EXPECT_EQ(driver.pool.used_carries(), 0);
  EXPECT_EQ(driver.pool.used_slots(), 0);
}

TEST(SchedulerCarryTest, AdmissionWaitsForACarryButOnlyWhereOneIsNeeded) {
  Driver driver(carrying({.seqs = 4, .carries = 1, .step_tokens = 300}));
  driver.scheduler.add(1, request_of(600, 4));
  driver.scheduler.add(2, request_of(600, 4));
  driver.plan();
  // 88 tokens are left beside the first prompt's rest; the second one would have to be cut.
  const GroupPlan step = driver.plan().value();
  EXPECT_FALSE(has(step, 2));
  EXPECT_EQ(driver.scheduler.counts().waiting, 1);
  EXPECT_EQ(driver.run_to_end(), (std::map<uint64_t, int64_t>{{1, 4}, {2, 4}}));
  EXPECT_EQ(driver.pool.used_carries(), 0);
}

TEST(SchedulerCarryTest, ThreeKeepEveryStepFullOfLongPrompts) {
  Driver driver(carrying({.carries = 3, .step_tokens = 640}));
  constexpr int64_t kPrompts = 6;
  for (uint64_t handle = 1; handle <= kPrompts; ++handle) {
    driver.scheduler.add(handle, request_of(700, 1));
  }
  for (int64_t left = kPrompts * 700; left > 0;) {
    const int64_t rows = std::ssize(driver.plan().value().ids);
    EXPECT_GE(rows, std::min<int64_t>(left, 640 - 127)) << left << " tokens before the last";
    left -= rows;
    if (driver.open.size() == 2) {
      driver.commit();
    }
  }
}

TEST(SchedulerCarryTest, ALonePromptThatNeedsMoreThanThereIsIsRefused) {
  Sizes sizes = carrying({.extents = 6, .carries = 1});
  ASSERT_TRUE(Driver(sizes).scheduler.accepts(request_of(200, 100)).has_value());
  EXPECT_FALSE(Driver(sizes).scheduler.accepts(request_of(800, 100)).has_value());
  sizes.carries = 0;
  EXPECT_FALSE(Driver(sizes).scheduler.accepts(request_of(200, 100)).has_value());
}

TEST(SchedulerCarryTest, APreemptedPrefillCarriesAnewFromItsFirstToken) {
  // 18 pages: two for the old one and sixteen for the young one, until the old one outgrows its
  // forecast while the young one's prompt is being computed.
  Driver driver(carrying({.extents = 13, .carries = 1, .step_tokens = 1, .forecast = 1}));
  driver.scheduler.add(1, request_of(248, 300));
  driver.plan();
  driver.commit();
  driver.scheduler.add(2, request_of(2020, 10));
  std::vector<CarryUse> uses;
  for (int64_t seen = 0; !driver.scheduler.idle(); driver.commit()) {
    const std::optional<GroupPlan> step = driver.plan();
    ASSERT_TRUE(step.has_value());
    if (has(*step, 2)) {
      uses.push_back(use_of(*step, 2));
    }
    if (driver.scheduler.counts().preemptions > seen) {
      seen = driver.scheduler.counts().preemptions;
      EXPECT_EQ(uses.back(), CarryUse::kReadWrite) << "it was pushed out in the middle";
      EXPECT_EQ(driver.pool.used_carries(), 0) << "nothing was in flight";
      uses.clear();
    }
  }
  EXPECT_EQ(driver.scheduler.counts().preemptions, 1);
  EXPECT_EQ(uses.front(), CarryUse::kWrite);
  EXPECT_EQ(std::count(uses.begin(), uses.end(), CarryUse::kRead), 1);
}

/// Adds requests of any length, some while others are under way; gives the tokens still due to
/// each.
std::map<uint64_t, int64_t> add_any(Driver& driver, std::mt19937_64& random) {
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
  std::map<uint64_t, int64_t> due;
  for (uint64_t handle = 1; handle <= 8; ++handle) {
    GenerationRequest request = request_of(1 + below(700), 1 + below(150));
    request.priority = static_cast<int32_t>(below(3));
    EXPECT_TRUE(driver.scheduler.accepts(request).has_value());
    due[handle] = request.stop.max_tokens;
    driver.scheduler.add(handle, std::move(request));
    if (below(2) == 0 || !driver.plan().has_value()) {
      continue;
    }
    for (const Outcome& outcome : driver.commit()) {
      due[outcome.handle] -= std::ssize(outcome.event.tokens);
    }
  }
  return due;
}

TEST(SchedulerCarryTest, EveryScheduleEndsWhateverTheCarriesAndTheRoom) {
  std::mt19937_64 random(5);
  const auto below = [&](uint64_t n) { return static_cast<int64_t>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    Driver driver(carrying(
        {.extents = 9 + below(6),
         .seqs = 1 + below(5),
         .carries = 1 + below(3),
         .step_tokens = 1 + below(500),
         .model_len = 900,
         .forecast = 1 + below(40),
         .policy = below(2) == 0 ? SchedulingPolicy::kFifo : SchedulingPolicy::kPriority}));
    std::map<uint64_t, int64_t> due = add_any(driver, random);
    for (const auto& [handle, tokens] : driver.run_to_end()) {
      due[handle] -= tokens;
    }
    for (const auto& [handle, missing] : due) {
      EXPECT_EQ(missing, 0) << "request " << handle;
    }
    EXPECT_EQ(driver.pool.used_carries(), 0);
  }
}

}  // namespace
}  // namespace dak
