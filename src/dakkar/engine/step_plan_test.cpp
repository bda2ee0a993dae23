#include "dakkar/engine/step_plan.h"

#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace dak {
namespace {

PlanLimits test_limits() {
  return {.tokens = 64,
          .sequences = 4,
          .slots = 4,
          .max_pages = 8,
          .arena_bytes = 1 << 20,
          .cache = {.page_tokens = 128,
                    .page_bytes = 4096,
                    .state_layers = 2,
                    .state_layer_bytes = 1024,
                    .carry_layer_bytes = 2048,
                    .vocab = 100},
          .list_entries = 16};
}

/// One decoding and one prefilling sequence, and an empty second group.
StepPlan test_plan() {
  SequencePlan decoding;
  decoding.slot = 2;
  decoding.position = 9;
  decoding.rows = 1;
  decoding.draw = Draw::kYes;
  decoding.pages_from = 1;
  decoding.sampling.temperature = 0.5F;
  decoding.sampling.seed = 77;
  decoding.sampling.bias_end = 1;
  SequencePlan prefilling;
  prefilling.rows = 3;
  prefilling.pages_added = 1;
  prefilling.offsets = 2;
  prefilling.carry = CarryUse::kWrite;
  prefilling.carry_offsets = 2;
  GroupPlan group;
  group.decodes = 1;
  group.sequences = {decoding, prefilling};
  group.ids = {-1, 4, 5, 6};
  group.pages = {4096};
  group.state_offsets = {0, 1024};
  group.carry_offsets = {8192, 10240};
  group.bias_ids = {3};
  group.bias_values = {-1.5F};
  group.stop_ids = {9};
  StepPlan plan;
  plan.step = 12;
  plan.tp = 2;
  plan.dp = 2;
  plan.groups = {group, GroupPlan{}};
  return plan;
}

Result<StepPlan> through_bytes(const StepPlan& plan) {
  return decode_plan(encode_plan(plan), test_limits());
}

TEST(StepPlanTest, SurvivesItsEncoding) {
  const StepPlan plan = test_plan();
  const Result<StepPlan> decoded = through_bytes(plan);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(encode_plan(*decoded), encode_plan(plan));
  EXPECT_EQ(decoded->step, 12U);
  EXPECT_EQ(decoded->groups[0].sequences[0].sampling.seed, 77U);
  EXPECT_EQ(decoded->groups[0].state_offsets[1], 1024);
  EXPECT_EQ(decoded->groups[0].sequences[1].carry, CarryUse::kWrite);
  EXPECT_EQ(decoded->groups[0].carry_offsets[1], 10240);
  EXPECT_TRUE(decoded->groups[1].sequences.empty());
}

TEST(StepPlanTest, RefusesEveryTruncation) {
  const std::vector<std::byte> bytes = encode_plan(test_plan());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_plan(std::span(bytes).first(size), test_limits()).has_value()) << size;
  }
}

TEST(StepPlanTest, RefusesCarriesWhereSlotsNeedNone) {
  PlanLimits limits = test_limits();
  limits.cache.carry_layer_bytes = 0;
  EXPECT_FALSE(decode_plan(encode_plan(test_plan()), limits).has_value());
}

TEST(StepPlanTest, RefusesTrailingBytes) {
  std::vector<std::byte> bytes = encode_plan(test_plan());
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(decode_plan(bytes, test_limits()).has_value());
}

TEST(StepPlanTest, AnyChangedBytesGiveAnErrorOrAPlanInsideTheLimits) {
  const std::vector<std::byte> bytes = encode_plan(test_plan());
  std::mt19937_64 random(7);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<std::byte> changed = bytes;
    for (uint64_t flips = random() % 4 + 1; flips > 0; --flips) {
      changed[random() % changed.size()] = static_cast<std::byte>(random());
    }
    const Result<StepPlan> plan = decode_plan(changed, test_limits());
    if (plan.has_value()) {
      ++accepted;
      // What was accepted once is accepted again: nothing was read beyond its own values.
      EXPECT_TRUE(through_bytes(*plan).has_value());
    }
  }
  EXPECT_GT(accepted, 0);
}

/// One way to damage a plan, and a word of the complaint.
struct Damage {
  const char* name;
  void (*apply)(GroupPlan&);
  const char* complaint;
};

class StepPlanDamageTest : public testing::TestWithParam<Damage> {};

TEST_P(StepPlanDamageTest, IsRefusedByName) {
  StepPlan plan = test_plan();
  GetParam().apply(plan.groups[0]);
  const Result<StepPlan> decoded = through_bytes(plan);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_NE(decoded.error().message.find(GetParam().complaint), std::string::npos)
      << decoded.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Damages, StepPlanDamageTest,
    testing::Values(
        Damage{"Slot", [](GroupPlan& g) { g.sequences[0].slot = 4; }, "slot"},
        Damage{"SlotTwice", [](GroupPlan& g) { g.sequences[1].slot = 2; }, "one slot"},
        Damage{"NegativePosition", [](GroupPlan& g) { g.sequences[0].position = -1; }, "position"},
        Damage{"NoRows", [](GroupPlan& g) { g.sequences[1].rows = 0; }, "rows"},
        Damage{"DecodeOfManyRows", [](GroupPlan& g) { g.decodes = 2; }, "rows"},
        Damage{"Decodes", [](GroupPlan& g) { g.decodes = 3; }, "decodes"},
        Damage{"TooFewIds", [](GroupPlan& g) { g.ids.pop_back(); }, "differ"},
        Damage{"TooManyPages", [](GroupPlan& g) { g.pages.push_back(0); }, "differ"},
        Damage{"PageOutside", [](GroupPlan& g) { g.pages[0] = (1 << 20) - 4095; }, "arena"},
        Damage{"StateOutside", [](GroupPlan& g) { g.state_offsets[0] = -256; }, "arena"},
        Damage{"CarryOutside", [](GroupPlan& g) { g.carry_offsets[1] = (1 << 20) - 2047; },
               "arena"},
        Damage{"CarryOfADecode", [](GroupPlan& g) { g.sequences[0].carry = CarryUse::kRead; },
               "carry"},
        Damage{"CarryReadAtTheStart",
               [](GroupPlan& g) {
                 g.sequences[1].carry = CarryUse::kReadWrite;
                 g.sequences[1].carry_offsets = 0;
                 g.carry_offsets.clear();
               },
               "carry"},
        Damage{"CarryUnknown",
               [](GroupPlan& g) { g.sequences[1].carry = static_cast<CarryUse>(77); }, "carry"},
        Damage{"NoCarryOffsets", [](GroupPlan& g) { g.sequences[1].carry_offsets = 0; }, "carry"},
        Damage{"TooManyCarryOffsets", [](GroupPlan& g) { g.carry_offsets.push_back(0); }, "differ"},
        Damage{"IdOutside", [](GroupPlan& g) { g.ids[1] = 100; }, "vocabulary"},
        Damage{"BiasOutside", [](GroupPlan& g) { g.bias_ids[0] = -1; }, "vocabulary"},
        Damage{"BiasRange", [](GroupPlan& g) { g.sequences[0].sampling.bias_end = 2; }, "sampling"},
        Damage{"NoOffsets", [](GroupPlan& g) { g.sequences[1].offsets = 0; }, "state offsets"},
        Damage{"EndOfTable", [](GroupPlan& g) { g.sequences[0].position = 1024; }, "page table"},
        Damage{"NotANumber",
               [](GroupPlan& g) {
                 g.sequences[0].sampling.top_p = std::numeric_limits<float>::quiet_NaN();
               },
               "sampling"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace dak
