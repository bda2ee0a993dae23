#include <map>

#include <gtest/gtest.h>

#include "dakkar/device/stochastic_rounding.h"
#include "dakkar/device/testing/mamba_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::MambaRig;
using testing::Phase;

constexpr uint64_t kSeed = 0x123456789abcdefU;

MambaDims small_dims(DType stored) {
  return {.heads = 4,
          .head_dim = 6,
          .groups = 2,
          .state = 20,
          .ring = 24,
          .window = 8,
          .activation = DType::kF32,
          .stored = stored};
}

class F16StateTest : public ::testing::Test {
 protected:
  MambaRig rig(DType stored, int64_t length = 340,
               StateRounding rounding = {.seed = kSeed, .first_head = 12}) {
    return MambaRig(
        *backend_,
        {.dims = small_dims(stored), .length = length, .sequences = 2, .rounding = rounding},
        seed_);
  }

  /// The prompt in prefill steps of those lengths, carried in f32 between them.
  static void prefill(MambaRig& on, const std::vector<int32_t>& lengths, int32_t sequence = 0) {
    for (size_t i = 0; i < lengths.size(); ++i) {
      const bool first = i == 0;
      const bool last = i + 1 == lengths.size();
      const CarryUse use = first && last ? CarryUse::kNone
                           : first       ? CarryUse::kWrite
                           : last        ? CarryUse::kRead
                                         : CarryUse::kReadWrite;
      on.step({{.sequence = sequence, .tokens = lengths[i], .carry = use}}, Phase::kPrefill);
    }
  }

  static void decode(MambaRig& on, int tokens) {
    for (int t = 0; t < tokens; ++t) {
      on.step(1, Phase::kDecode);
    }
  }

  /// What an f32 state becomes when it is stored at `position`.
  static std::vector<float> rounded(const std::vector<float>& state, int64_t position) {
    const MambaDims dims = small_dims(DType::kF16);
    std::vector<F16> stored(state.size());
    for (int64_t row = 0; row < dims.inner(); ++row) {
      const int64_t first = row * dims.state;
      round_row(
          {.seed = kSeed, .layer = 1, .position = position, .row = 12 * dims.head_dim + row},
          std::span(state).subspan(static_cast<size_t>(first), static_cast<size_t>(dims.state)),
          stored.data() + first);
    }
    std::vector<float> values;
    for (const F16 value : stored) {
      values.push_back(to_float(value));
    }
    return values;
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  uint64_t seed_ = fresh_seed();
};

TEST_F(F16StateTest, APromptsEndIsRoundedOnceAtItsLastMultipleOf16) {
  for (const int32_t length : {16, 17, 128, 130, 300}) {
    MambaRig exact = rig(DType::kF32);
    MambaRig narrow = rig(DType::kF16);
    prefill(exact, {length});
    prefill(narrow, {length});
    EXPECT_EQ(narrow.y(), exact.y());
    EXPECT_EQ(narrow.header().base, length / 16 * 16);
    EXPECT_EQ(narrow.state(), rounded(exact.state(), length / 16 * 16)) << length;
  }
}

TEST_F(F16StateTest, PrefillCutsAtMultiplesOf128ChangeNoBit) {
  const std::vector<std::vector<int32_t>> ways = {
      {128, 172}, {256, 44}, {128, 128, 44}, {128, 128}, {128, 128, 2}, {256, 2}, {256, 15}};
  for (const std::vector<int32_t>& way : ways) {
    int32_t length = 0;
    for (const int32_t tokens : way) {
      length += tokens;
    }
    SCOPED_TRACE(::testing::Message() << "first " << way.front() << " of " << length);
    MambaRig whole = rig(DType::kF16);
    MambaRig cut = rig(DType::kF16);
    prefill(whole, {length});
    prefill(cut, way);
    EXPECT_EQ(cut.state(), whole.state());
    decode(whole, 40);
    decode(cut, 40);
    EXPECT_EQ(cut.y(), whole.y());
    EXPECT_EQ(cut.state(), whole.state());
  }
}

TEST_F(F16StateTest, OtherCutsRoundOnlyAtThePromptsEnd) {
  for (const std::vector<int32_t>& way :
       {std::vector<int32_t>{7, 8}, {7, 290}, {15, 1, 284}, {17, 3, 1, 279}, {150, 3, 147}}) {
    int32_t length = 0;
    for (const int32_t tokens : way) {
      length += tokens;
    }
    MambaRig exact = rig(DType::kF32);
    MambaRig cut = rig(DType::kF16);
    for (const int32_t tokens : way) {
      exact.step(tokens, Phase::kPrefill);
    }
    prefill(cut, way);
    EXPECT_EQ(cut.y(), exact.y()) << "first " << way.front();
    EXPECT_EQ(cut.state(), rounded(exact.state(), length / 16 * 16)) << "first " << way.front();
  }
}

TEST_F(F16StateTest, ACarryMayBeginWhereDecodingEnded) {
  MambaRig whole = rig(DType::kF16);
  MambaRig cut = rig(DType::kF16);
  for (MambaRig* one : {&whole, &cut}) {
    prefill(*one, {20});
    decode(*one, 20);
  }
  whole.step(160, Phase::kPrefill);
  prefill(cut, {2, 86, 72});
  decode(whole, 30);
  decode(cut, 30);
  EXPECT_LT(testing::relative_error(cut.y(), whole.y()), 1e-3);
  MambaRig at_chunks = rig(DType::kF16);
  prefill(at_chunks, {20});
  decode(at_chunks, 20);
  prefill(at_chunks, {88, 72});
  decode(at_chunks, 30);
  EXPECT_EQ(at_chunks.y(), whole.y());
  EXPECT_EQ(at_chunks.state(), whole.state());
}

TEST_F(F16StateTest, DecodingRoundsWhenItFlushesAndOnlyThen) {
  MambaRig narrow = rig(DType::kF16);
  MambaRig exact = rig(DType::kF32);
  decode(narrow, 16);
  decode(exact, 16);
  EXPECT_EQ(narrow.header().base, 0);
  decode(narrow, 1);
  decode(exact, 1);
  // The step that flushes goes on with what it did not round.
  EXPECT_EQ(narrow.y(), exact.y());
  EXPECT_EQ(narrow.state(), rounded(exact.state(), 16));
  const std::vector<float> at_16 = narrow.state();
  decode(narrow, 15);
  EXPECT_EQ(narrow.state(), at_16);
  decode(narrow, 1);
  EXPECT_EQ(narrow.header().base, 32);
  EXPECT_NE(narrow.state(), at_16);
}

TEST_F(F16StateTest, NeighboursAndSlotsChangeNoBit) {
  MambaRig together = rig(DType::kF16);
  MambaRig alone = rig(DType::kF16);
  together.step(
      {{.sequence = 0, .tokens = 33}, {.sequence = 1, .tokens = 128, .carry = CarryUse::kWrite}},
      Phase::kPrefill);
  together.step({{.sequence = 1, .tokens = 9, .carry = CarryUse::kRead}}, Phase::kPrefill);
  prefill(alone, {137}, 1);
  for (int t = 0; t < 40; ++t) {
    together.step({{.sequence = 1}, {.sequence = 0}}, Phase::kDecode);
    alone.step({{.sequence = 1}}, Phase::kDecode);
  }
  EXPECT_EQ(together.y(1), alone.y(1));
  EXPECT_EQ(together.block(1), alone.block(1));
}

TEST_F(F16StateTest, DecodingGoesOnFromWhatWasRounded) {
  MambaRig narrow = rig(DType::kF16);
  prefill(narrow, {37});
  std::map<int64_t, std::vector<float>> stored;
  while (narrow.header().position < 80) {
    stored.emplace(narrow.header().base, narrow.state());
    decode(narrow, 1);
  }
  const testing::Recurrence expected = narrow.expected(0, stored);
  const std::vector<float> y = narrow.y();
  constexpr auto kInner = ptrdiff_t{24};
  // Steps at 48 and 64 flush and give an output from what they then round.
  for (const auto& [begin, end] : {std::pair(37, 48), {49, 64}, {65, 80}}) {
    const std::vector<float> ours(y.begin() + begin * kInner, y.begin() + end * kInner);
    const std::vector<double> theirs(expected.y.begin() + begin * kInner,
                                     expected.y.begin() + end * kInner);
    EXPECT_LT(testing::relative_error(ours, theirs), 1e-5) << "from " << begin;
  }
}

}  // namespace
}  // namespace dak
