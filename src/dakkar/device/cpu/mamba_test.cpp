#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/testing/mamba_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;
using testing::MambaRig;
using testing::Phase;

constexpr double kNear = 1e-5;

/// Widths that fill vectors, leave tails, and take more than one block of registers.
constexpr int64_t kStates[] = {20, 128, 152};

class CpuMambaTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
    backend_ = cpu::open_with(GetParam());
  }

  MambaRig rig(int64_t state, int64_t sequences) {
    const MambaDims dims = {.heads = 4,
                            .head_dim = 6,
                            .groups = 2,
                            .state = state,
                            .ring = 24,
                            .window = 8,
                            .activation = DType::kF32};
    return MambaRig(*backend_, {.dims = dims, .length = kLength, .sequences = sequences}, seed_);
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

TEST_P(CpuMambaTest, DraftsGiveTheBitsOfSingleTokens) {
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
    EXPECT_EQ(drafted.y(), single.y()) << state;
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
