#include <cmath>

#include <gtest/gtest.h>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::OpRig;

/// What a token was routed to.
struct Routed {
  std::vector<int32_t> chosen;
  std::vector<float> weights;
};

/// How to route.
struct Routing {
  int64_t n_group = 1;
  bool normalise = true;
  float scaling = 1.0F;
};

class MoeTest : public ::testing::Test {
 protected:
  /// Routes one token whose router logits are exactly `logits`; keeps one group of several.
  Routed route(const std::vector<float>& logits, const std::vector<float>& bias, Routing how) {
    const auto experts = static_cast<int64_t>(logits.size());
    const RouteArgs args{.x = rig_.tensor(DType::kF32, {1, 1}, {1.0F}),
                         .gate = rig_.tensor(DType::kF32, {experts, 1}, logits),
                         .bias = rig_.tensor(DType::kF32, {experts}, bias),
                         .n_group = how.n_group,
                         .topk_group = 1,
                         .normalise = how.normalise,
                         .scaling = how.scaling,
                         .chosen = rig_.zeros(DType::kI32, {1, 2}),
                         .weights = rig_.zeros(DType::kF32, {1, 2}),
                         .tokens = rig_.count(1)};
    ops::route(rig_.context(), args);
    return {rig_.read_ints(args.chosen), rig_.read(args.weights)};
  }
  static float sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  OpRig rig_{*backend_, fresh_seed()};
};

TEST_F(MoeTest, TheBiasChoosesButDoesNotWeigh) {
  const Routed routed =
      route({2.0F, 1.0F, 0.0F, -1.0F}, {0.0F, 0.0F, 0.0F, 5.0F}, {.scaling = 2.0F});
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{3, 0}));
  const float sum = sigmoid(-1.0F) + sigmoid(2.0F);
  EXPECT_FLOAT_EQ(routed.weights[0], 2.0F * sigmoid(-1.0F) / sum);
  EXPECT_FLOAT_EQ(routed.weights[1], 2.0F * sigmoid(2.0F) / sum);
}

TEST_F(MoeTest, WeightsStaySigmoidsWithoutNormalisation) {
  const Routed routed = route({2.0F, 1.0F, 0.0F}, {0.0F, 0.0F, 0.0F}, {.normalise = false});
  EXPECT_FLOAT_EQ(routed.weights[0], sigmoid(2.0F));
  EXPECT_FLOAT_EQ(routed.weights[1], sigmoid(1.0F));
}

TEST_F(MoeTest, TiesGoToTheLowerIndex) {
  const Routed routed = route({0.5F, 1.0F, 0.5F, 0.5F}, {0.0F, 0.0F, 0.0F, 0.0F}, {});
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{1, 0}));
}

TEST_F(MoeTest, AGroupCountsByItsTwoBest) {
  // Group 0 has the single best expert, group 1 the better pair.
  const Routed routed =
      route({3.0F, -9.0F, -9.0F, 2.0F, 1.9F, -9.0F}, std::vector<float>(6, 0.0F), {.n_group = 2});
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{3, 4}));
}

TEST_F(MoeTest, BarredGroupsStayBarredWhenAllScoresAreNegative) {
  const Routed routed =
      route({1.0F, 0.9F, 0.0F, 0.1F}, std::vector<float>(4, -4.0F), {.n_group = 2});
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{0, 1}));
}

TEST_F(MoeTest, LogitsThatAreNoNumbersStillChooseDistinctExperts) {
  const float nan = std::nanf("");
  const Routed routed = route({nan, nan, nan}, {0.0F, 0.0F, 0.0F}, {});
  EXPECT_EQ(routed.chosen, (std::vector<int32_t>{0, 1}));
}

TEST_F(MoeTest, AnExpertDoesWhatTheLinearDoes) {
  const std::span<const PackedWeight> experts =
      rig_.experts({QuantFormat::kFp8, QuantFormat::kNvfp4}, 24, 32);
  const TensorView x = rig_.randoms(DType::kBF16, {3, 32});
  const TensorView out = rig_.zeros(DType::kF32, {6, 24});
  ops::expert_linear(rig_.context(), {.x = x,
                                      .input = ExpertInput::kPerToken,
                                      .experts = experts,
                                      .chosen = rig_.ints({1, 0, 0, 2, 2, 1}).reshaped({3, 2}),
                                      .out = out,
                                      .tokens = rig_.count(3)});
  const TensorView one = rig_.zeros(DType::kF32, {3, 24});
  ops::linear(rig_.context(), {.x = x,
                               .weight = &experts[1],
                               .out = one,
                               .accumulate = Accumulate::kNo,
                               .tokens = rig_.count(3)});
  EXPECT_EQ(rig_.read(out.rows(0, 1)), rig_.read(one.rows(0, 1)));
  EXPECT_EQ(rig_.read(out.rows(5, 1)), rig_.read(one.rows(2, 1)));
  EXPECT_EQ(rig_.read(out.rows(3, 1)), std::vector<float>(24, 0.0F));
}

TEST_F(MoeTest, CombiningWeighsTheChoicesOfAToken) {
  const TensorView out = rig_.zeros(DType::kF32, {2, 2});
  ops::combine_experts(rig_.context(),
                       {.x = rig_.tensor(DType::kF32, {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}),
                        .weights = rig_.tensor(DType::kF32, {2, 2}, {1, 10, 100, 1000}),
                        .out = out,
                        .tokens = rig_.count(2)});
  EXPECT_EQ(rig_.read(out), (std::vector<float>{31, 42, 7500, 8600}));
}

}  // namespace
}  // namespace dak
