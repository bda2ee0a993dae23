#include <utility>

#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/testing/mamba_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;
using testing::MambaRig;
using testing::Phase;

constexpr double kNear = 1e-5;

/// State sizes that are no whole vector, fill the registers, and take more than one filling.
constexpr int64_t kStates[] = {20, 128, 144};

class CpuMambaTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
    backend_ = cpu::open_with(GetParam());
  }

  MambaRig rig(int64_t state, int64_t sequences, int64_t length = kLength,
               DType stored = DType::kF32) {
    const MambaDims dims = {.heads = 4,
                            .head_dim = 16,
                            .groups = 2,
                            .state = state,
                            .ring = 24,
                            .window = 8,
                            .activation = DType::kF32,
                            .stored = stored};
    return MambaRig(*backend_, {.dims = dims, .length = length, .sequences = sequences}, seed_);
  }

  static constexpr int kLength = 60;
  std::unique_ptr<Backend> backend_;
  uint64_t seed_ = testing::fresh_seed();
};

TEST_P(CpuMambaTest, DecodingIsTheRecurrence) {
  for (const int64_t state : kStates) {
    MambaRig one = rig(state, 1);
    for (int t = 0; t < kLength; ++t) {
      one.step(1, Phase::kDecode);
    }
    const testing::Recurrence expected = one.expected();
    EXPECT_LT(testing::relative_error(one.y(), expected.y), kNear) << state;
    const auto base = static_cast<size_t>(one.header().base);
    EXPECT_LT(testing::relative_error(one.state(), expected.states[base]), kNear) << state;
  }
}

TEST_P(CpuMambaTest, PrefillingIsTheRecurrence) {
  for (const int64_t state : kStates) {
    MambaRig one = rig(state, 1, 2 * kLength + 190);
    one.step(kLength, Phase::kPrefill);
    one.step(190, Phase::kPrefill);
    one.step(7, Phase::kDecode);
    one.step(kLength - 7, Phase::kPrefill);
    const testing::Recurrence expected = one.expected();
    EXPECT_LT(testing::relative_error(one.y(), expected.y), kNear) << state;
    const auto base = static_cast<size_t>(one.header().base);
    EXPECT_LT(testing::relative_error(one.state(), expected.states[base]), kNear) << state;
  }
}

TEST_P(CpuMambaTest, PromptsCutAtMultiplesOf128AreTheSameBits) {
  for (const DType stored : {DType::kF32, DType::kF16}) {
    MambaRig whole = rig(128, 2, 300, stored);
    MambaRig cut = rig(128, 2, 300, stored);
    whole.step(300, Phase::kPrefill);
    cut.step(
        {{.sequence = 1, .tokens = 40}, {.sequence = 0, .tokens = 128, .carry = CarryUse::kWrite}},
        Phase::kPrefill);
    cut.step({{.sequence = 0, .tokens = 172, .carry = CarryUse::kRead}}, Phase::kPrefill);
    EXPECT_EQ(cut.y(), whole.y()) << name_of(stored);
    EXPECT_EQ(cut.block(), whole.block()) << name_of(stored);
  }
}

TEST_P(CpuMambaTest, RoundedStatesAreTheReferences) {
  MambaRig ours = rig(128, 1, 200, DType::kF16);
  const std::unique_ptr<Backend> own = std::exchange(backend_, open_reference().value());
  MambaRig theirs = rig(128, 1, 200, DType::kF16);
  for (MambaRig* on : {&ours, &theirs}) {
    on->step(150, Phase::kPrefill);
    for (int t = 0; t < 40; ++t) {
      on->step(1, Phase::kDecode);
    }
  }
  EXPECT_EQ(ours.header().base, 176);
  // Sums in another order move a value across the random bits once in thousands.
  EXPECT_LT(testing::relative_error(ours.state(), theirs.state()), 1e-4);
  EXPECT_LT(testing::relative_error(ours.y(), theirs.y()), 1e-4);
}

TEST_P(CpuMambaTest, RejectedDraftsLeaveNoTrace) {
  for (const int64_t state : kStates) {
    MambaRig single = rig(state, 1);
    MambaRig drafted = rig(state, 1);
    for (int t = 0; t < kLength; ++t) {
      single.step(1, Phase::kDecode);
    }
    for (int t = 0; t + 5 <= kLength; t += 5) {
      drafted.step({{.sequence = 0, .tokens = 5, .wrong = t % 5}}, Phase::kDecode);
      drafted.reject(0, t % 5);
    }
    EXPECT_LT(testing::relative_error(drafted.y(), single.y()), kNear) << state;
  }
}

TEST_P(CpuMambaTest, ASequenceIsTheSameBitsWithAnyNeighbours) {
  MambaRig together = rig(128, 3);
  MambaRig alone = rig(128, 3);
  together.step({{.sequence = 1, .tokens = 7}}, Phase::kDecode);
  alone.step({{.sequence = 1, .tokens = 7}}, Phase::kDecode);
  for (int t = 0; t < 40; ++t) {
    together.step({{.sequence = 2}, {.sequence = 1}, {.sequence = 0}}, Phase::kDecode);
    alone.step({{.sequence = 1}}, Phase::kDecode);
  }
  EXPECT_EQ(together.y(1), alone.y(1));
  EXPECT_EQ(together.block(1), alone.block(1));
}

TEST_P(CpuMambaTest, ASequenceWithoutNewTokensLeavesItsNeighboursAlone) {
  MambaRig with = rig(20, 2);
  MambaRig without = rig(20, 2);
  for (int t = 0; t < 20; ++t) {
    with.step({{.sequence = 1, .tokens = 0}, {.sequence = 0}}, Phase::kDecode);
    without.step({{.sequence = 0}}, Phase::kDecode);
  }
  EXPECT_EQ(with.y(0), without.y(0));
  EXPECT_EQ(with.block(0), without.block(0));
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuMambaTest,
                         ::testing::Values(InstructionSet::kAvx2, InstructionSet::kAvx512,
                                           InstructionSet::kAvx512Bf16),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

}  // namespace
}  // namespace dak
