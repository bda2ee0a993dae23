#include <algorithm>

#include <gtest/gtest.h>

#include "dakkar/device/testing/mamba_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::MambaRig;
using testing::Phase;
using testing::relative_error;

constexpr double kNear = 1e-5;

MambaDims small_dims(DType activation = DType::kF32) {
  return {.heads = 4,
          .head_dim = 6,
          .groups = 2,
          .state = 20,
          .ring = 24,
          .window = 8,
          .activation = activation};
}

class MambaTest : public ::testing::Test {
 protected:
  MambaRig rig(int64_t length, int64_t sequences = 1) {
    return MambaRig(*backend_, {.dims = small_dims(), .length = length, .sequences = sequences},
                    seed_);
  }
  /// Outputs and stored state are those of the recurrence.
  static void expect_recurrence(MambaRig& rig, const std::string& what) {
    const testing::Recurrence expected = rig.expected();
    EXPECT_LT(relative_error(rig.y(), expected.y), kNear) << what;
    const auto base = static_cast<size_t>(rig.header().base);
    EXPECT_LT(relative_error(rig.state(), expected.states[base]), kNear) << what;
    EXPECT_LT(relative_error(rig.conv(), rig.expected_conv()), kNear) << what;
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  uint64_t seed_ = fresh_seed();
};

TEST_F(MambaTest, PrefillIsTheRecurrence) {
  MambaRig one = rig(300);
  one.step(300, Phase::kPrefill);
  EXPECT_EQ(one.header().base, 288);
  EXPECT_EQ(one.header().position, 300);
  expect_recurrence(one, "300 at once");
}

TEST_F(MambaTest, DecodingIsTheRecurrence) {
  MambaRig one = rig(70);
  for (int t = 0; t < 70; ++t) {
    one.step(1, Phase::kDecode);
    EXPECT_LE(one.header().position - one.header().base, 16);
  }
  expect_recurrence(one, "token by token");
}

TEST_F(MambaTest, DecodingContinuesAPrefillOfAnyLength) {
  for (int prompt = 1; prompt <= 40; ++prompt) {
    MambaRig one = rig(80);
    one.step(prompt, Phase::kPrefill);
    for (int t = prompt; t < 80; ++t) {
      one.step(1, Phase::kDecode);
    }
    expect_recurrence(one, "after a prompt of " + std::to_string(prompt));
  }
}

TEST_F(MambaTest, PrefillContinuesADecodeOfAnyLength) {
  for (int first = 1; first <= 36; first += 5) {
    MambaRig one = rig(200);
    for (int t = 0; t < first; ++t) {
      one.step(1, Phase::kDecode);
    }
    one.step(200 - first, Phase::kPrefill);
    expect_recurrence(one, "after decoding " + std::to_string(first));
  }
}

TEST_F(MambaTest, RejectedDraftsLeaveNoTrace) {
  MambaRig one = rig(90);
  one.step(5, Phase::kPrefill);
  for (int round = 0; one.header().position + 5 <= 90; ++round) {
    one.step({{.sequence = 0, .tokens = 5, .wrong = round % 5}}, Phase::kDecode);
    one.reject(0, round % 5);
  }
  expect_recurrence(one, "drafts of four, some rejected");
}

TEST_F(MambaTest, PrefillCutsAtMultiplesOf128ChangeNoBit) {
  MambaRig whole = rig(300);
  whole.step(300, Phase::kPrefill);
  for (const std::vector<int>& cuts :
       {std::vector<int>{128, 172}, std::vector<int>{256, 44}, std::vector<int>{128, 128, 44}}) {
    MambaRig cut = rig(300);
    for (const int tokens : cuts) {
      cut.step(tokens, Phase::kPrefill);
    }
    EXPECT_EQ(cut.y(), whole.y());
    EXPECT_EQ(cut.conv(), whole.conv());
    EXPECT_EQ(cut.state(), whole.state());
    // What later steps compute from the slot is the same as well.
    EXPECT_EQ(cut.header().base, whole.header().base);
  }
}

TEST_F(MambaTest, StepsAfterACutAt128AreTheSameBits) {
  MambaRig whole = rig(330);
  MambaRig cut = rig(330);
  whole.step(300, Phase::kPrefill);
  cut.step(256, Phase::kPrefill);
  cut.step(44, Phase::kPrefill);
  for (int t = 0; t < 30; ++t) {
    whole.step(1, Phase::kDecode);
    cut.step(1, Phase::kDecode);
  }
  EXPECT_EQ(cut.y(), whole.y());
  EXPECT_EQ(cut.state(), whole.state());
}

TEST_F(MambaTest, PrefillCutsElsewhereStayNear) {
  for (const int first : {1, 7, 15, 16, 17, 127, 129, 144, 200, 255, 257, 299}) {
    MambaRig one = rig(300);
    one.step(first, Phase::kPrefill);
    one.step((300 - first + 1) / 2, Phase::kPrefill);
    if ((300 - first) / 2 > 0) {
      one.step((300 - first) / 2, Phase::kPrefill);
    }
    expect_recurrence(one, "cut at " + std::to_string(first));
  }
}

TEST_F(MambaTest, NeighboursChangeNoBit) {
  MambaRig together = rig(150, 3);
  MambaRig alone = rig(150, 3);
  together.step(
      {{.sequence = 2, .tokens = 33}, {.sequence = 0, .tokens = 140}, {.sequence = 1, .tokens = 1}},
      Phase::kPrefill);
  together.step({{.sequence = 1, .tokens = 2}, {.sequence = 2, .tokens = 1}}, Phase::kDecode);
  alone.step({{.sequence = 2, .tokens = 33}}, Phase::kPrefill);
  alone.step({{.sequence = 2, .tokens = 1}}, Phase::kDecode);
  EXPECT_EQ(together.y(2), alone.y(2));
  EXPECT_EQ(together.block(2), alone.block(2));
}

TEST_F(MambaTest, AFailedSlotGivesZeros) {
  for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
    MambaRig one = rig(60);
    one.step(37, Phase::kPrefill);
    one.set_header(0, {.position = 11, .base = 4096, .last_token = 0, .failed = 0});
    one.step(3, phase);
    EXPECT_NE(one.header().failed, 0);
    EXPECT_EQ(one.header().position, 11);
    const std::vector<float> y = one.y();
    EXPECT_TRUE(std::all_of(y.begin() + 37 * 24, y.end(), [](float v) { return v == 0.0F; }));
  }
}

TEST_F(MambaTest, Bf16ActivationsAreRoundedOnce) {
  MambaRig one(*backend_, {.dims = small_dims(DType::kBF16), .length = 200, .sequences = 1}, seed_);
  one.step(150, Phase::kPrefill);
  for (int t = 150; t < 200; ++t) {
    one.step(1, Phase::kDecode);
  }
  const testing::Recurrence expected = one.expected();
  EXPECT_LT(relative_error(one.y(), expected.y), 0x1p-8);
  EXPECT_LT(relative_error(one.state(), expected.states[static_cast<size_t>(one.header().base)]),
            kNear);
}

}  // namespace
}  // namespace dak
