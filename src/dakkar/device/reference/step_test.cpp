#include <gtest/gtest.h>

#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

class StepTest : public ::testing::Test {
 protected:
  SlotHeader* headers(const std::vector<SlotHeader>& values) { return rig_.array(values); }
  SlotHeader at(SlotHeader* headers, int64_t slot) {
    return rig_.read_array(headers + slot, 1).front();
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  testing::OpRig rig_{*backend_, 1};
};

TEST_F(StepTest, AFreshSequenceGetsAFreshHeader) {
  SlotHeader* slots = headers({{.position = 90, .base = 80, .last_token = 4, .failed = 1}});
  const StepArgs args{.table = rig_.table({{.slot = 0, .position = 0, .tokens = 3}}, 0, slots),
                      .ids = rig_.ints({5, 6, 7}),
                      .tokens = rig_.count(3)};
  ops::begin_step(rig_.context(), args);
  EXPECT_EQ(at(slots, 0).position, 0);
  EXPECT_EQ(at(slots, 0).base, 0);
  EXPECT_EQ(at(slots, 0).failed, 0);
  EXPECT_EQ(rig_.read_ints(args.ids), (std::vector<int32_t>{5, 6, 7}));
}

TEST_F(StepTest, UnknownIdsBecomeTheSlotsLastToken) {
  SlotHeader* slots = headers({{.position = 3, .base = 0, .last_token = 41, .failed = 0},
                               {.position = 9, .base = 0, .last_token = 42, .failed = 0}});
  const StepArgs args{.table = rig_.table({{.slot = 1, .position = 9, .tokens = 1},
                                           {.slot = 0, .position = 3, .tokens = 1}},
                                          2, slots),
                      .ids = rig_.ints({-1, -1}),
                      .tokens = rig_.count(2)};
  ops::begin_step(rig_.context(), args);
  EXPECT_EQ(rig_.read_ints(args.ids), (std::vector<int32_t>{42, 41}));
}

TEST_F(StepTest, ASlotThatStandsElsewhereFailsAndStays) {
  SlotHeader* slots = headers({{.position = 3, .base = 0, .last_token = 1, .failed = 0},
                               {.position = 9, .base = 0, .last_token = 1, .failed = 0},
                               {.position = 6, .base = 0, .last_token = 1, .failed = 0}});
  const StepArgs args{.table = rig_.table({{.slot = 0, .position = 4, .tokens = 1},
                                           {.slot = 1, .position = 9, .tokens = 1},
                                           {.slot = 2, .position = 5, .tokens = 1}},
                                          3, slots),
                      .ids = rig_.ints({8, 8, 8}),
                      .tokens = rig_.count(3)};
  ops::begin_step(rig_.context(), args);
  ops::advance(rig_.context(), args);
  EXPECT_NE(at(slots, 0).failed, 0);
  EXPECT_EQ(at(slots, 0).position, 3);
  EXPECT_EQ(at(slots, 1).failed, 0);
  EXPECT_EQ(at(slots, 1).position, 10);
  EXPECT_NE(at(slots, 2).failed, 0);
  EXPECT_EQ(at(slots, 2).position, 6);
}

TEST_F(StepTest, PrefillsMoveTheBaseToTheLastMultipleOf16AndDecodesBy16) {
  SlotHeader* slots = headers({{.position = 31, .base = 16, .last_token = 1, .failed = 0},
                               {.position = 32, .base = 16, .last_token = 1, .failed = 0},
                               {.position = 37, .base = 32, .last_token = 1, .failed = 0}});
  const StepArgs args{.table = rig_.table({{.slot = 0, .position = 31, .tokens = 1},
                                           {.slot = 1, .position = 32, .tokens = 1},
                                           {.slot = 2, .position = 37, .tokens = 30}},
                                          2, slots),
                      .ids = rig_.zeros(DType::kI32, {32}),
                      .tokens = rig_.count(32)};
  ops::advance(rig_.context(), args);
  EXPECT_EQ(at(slots, 0).base, 16);
  EXPECT_EQ(at(slots, 1).base, 32);
  EXPECT_EQ(at(slots, 2).base, 64);
  EXPECT_EQ(at(slots, 2).position, 67);
}

}  // namespace
}  // namespace dak
