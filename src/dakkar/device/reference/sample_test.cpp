#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using testing::OpRig;

class SampleTest : public ::testing::Test {
 protected:
  struct Extras {
    std::vector<int32_t> history;
    std::vector<int32_t> bias_ids = {0};
    std::vector<float> bias_values = {0.0F};
    std::vector<int32_t> stop_ids = {0};
    int32_t position = 10;  ///< of the token drawn
  };

  /// Draws once from `logits`; also keeps the slot's header.
  SampledToken draw(const std::vector<float>& logits, const SamplingRow& row) {
    return draw(logits, row, Extras{});
  }
  SampledToken draw(const std::vector<float>& logits, const SamplingRow& row, Extras extras) {
    const auto vocabulary = static_cast<int64_t>(logits.size());
    extras.history.resize(logits.size());
    OpRig rig(*backend_, 1);
    const SequenceTable table =
        rig.table({{.slot = 0, .position = extras.position - 1, .tokens = 1}}, 1, rig.headers(1));
    const SampleArgs args{.logits = rig.tensor(DType::kF32, {1, vocabulary}, logits),
                          .history = rig.ints(extras.history).reshaped({1, vocabulary}),
                          .sequence = rig.array(std::vector<int32_t>{0}),
                          .rows = rig.array(std::vector<SamplingRow>{row}),
                          .bias_ids = rig.array(extras.bias_ids),
                          .bias_values = rig.array(extras.bias_values),
                          .stop_ids = rig.array(extras.stop_ids),
                          .out = rig.array(std::vector<SampledToken>(1)),
                          .table = table,
                          .count = rig.count(1)};
    ops::sample(rig.context(), args);
    header_ = rig.read_array(table.headers, 1).front();
    return rig.read_array(args.out, 1).front();
  }

  /// How often each id is drawn at `draws` positions.
  std::vector<int> histogram(const std::vector<float>& logits, SamplingRow row, int draws) {
    std::vector<int> counts(logits.size(), 0);
    row.seed = testing::fresh_seed();
    for (int i = 0; i < draws; ++i) {
      Extras extras;
      extras.position = 1 + i;
      ++counts[static_cast<size_t>(draw(logits, row, extras).id)];
    }
    return counts;
  }

  static double chi_square(const std::vector<int>& counts, const std::vector<double>& shares,
                           int draws) {
    double sum = 0.0;
    for (size_t i = 0; i < counts.size(); ++i) {
      const double expected = shares[i] * draws;
      if (expected > 0.0) {
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
      }
    }
    return sum;
  }

  static SamplingRow greedy() {
    SamplingRow row;
    row.temperature = 0.0F;
    return row;
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  SlotHeader header_;
};

TEST_F(SampleTest, GreedyTakesTheLargestAndTheLowerOfEqualIds) {
  const SampledToken token = draw({1.0F, 3.0F, 3.0F, 2.5F}, greedy());
  EXPECT_EQ(token.id, 1);
  EXPECT_EQ(token.edge, 0.0F);
  EXPECT_EQ(header_.last_token, 1);
  EXPECT_EQ(draw({1.0F, 3.0F, 2.5F}, greedy()).edge, 0.5F);
}

TEST_F(SampleTest, DrawsFollowTheDistribution) {
  SamplingRow row;
  row.temperature = 0.5F;
  const std::vector<float> logits = {0.0F, 0.5F, 1.0F, -0.5F, 0.25F};
  std::vector<double> shares;
  double sum = 0.0;
  for (const float logit : logits) {
    shares.push_back(std::exp(logit / 0.5));
    sum += shares.back();
  }
  for (double& share : shares) {
    share /= sum;
  }
  // 99.9999% quantile of chi-square with 4 degrees of freedom.
  EXPECT_LT(chi_square(histogram(logits, row, 4000), shares, 4000), 33.4);
}

TEST_F(SampleTest, FiltersKeepTheRightTokensAndTheirProportions) {
  // Shares 0.5, 0.25, 0.15, 0.1.
  const std::vector<float> logits = {std::log(0.15F), std::log(0.5F), std::log(0.1F),
                                     std::log(0.25F)};
  SamplingRow top_k;
  top_k.top_k = 2;
  SamplingRow top_p;
  top_p.top_p = 0.7F;
  SamplingRow min_p;
  min_p.min_p = 0.4F;
  for (const SamplingRow& row : {top_k, top_p, min_p}) {
    const std::vector<int> counts = histogram(logits, row, 1500);
    EXPECT_EQ(counts[0], 0);
    EXPECT_EQ(counts[2], 0);
    EXPECT_LT(chi_square(counts, {0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0}, 1500), 24.0);
  }
}

TEST_F(SampleTest, TopPKeepsTheTokenThatReachesIt) {
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  SamplingRow row;
  row.top_p = 0.6F;
  const std::vector<int> counts = histogram(logits, row, 400);
  EXPECT_GT(counts[1], 0);
  EXPECT_EQ(counts[2], 0);
  row.top_p = 1e-6F;
  EXPECT_EQ(histogram(logits, row, 50)[0], 50);
}

TEST_F(SampleTest, TopKCountsBeforeTopP) {
  // Of the two kept by top-k the first holds 0.625, enough for top-p.
  const std::vector<float> logits = {std::log(0.5F), std::log(0.3F), std::log(0.2F)};
  SamplingRow row;
  row.top_k = 2;
  row.top_p = 0.6F;
  EXPECT_EQ(histogram(logits, row, 100)[0], 100);
}

TEST_F(SampleTest, PenaltiesAreThoseOfTheFormula) {
  SamplingRow row = greedy();
  row.repetition_penalty = 2.0F;
  row.presence_penalty = 0.5F;
  row.frequency_penalty = 0.25F;
  row.uses_history = 1;
  Extras extras;
  // Prompt only; output twice; untouched; negative and in the prompt.
  extras.history = {std::numeric_limits<int32_t>::min(), 2, 0, std::numeric_limits<int32_t>::min()};
  // 4/2 = 2; 6/2 - 2*0.25 - 0.5 = 2; 2.1; -1*2 = -2.
  const SampledToken token = draw({4.0F, 6.0F, 2.1F, -1.0F}, row, extras);
  EXPECT_EQ(token.id, 2);
  EXPECT_NEAR(token.edge, 0.1F, 1e-6);
  extras.history = {};
  EXPECT_EQ(draw({4.0F, 6.0F, 2.1F, -1.0F}, row, extras).id, 1);
}

TEST_F(SampleTest, BiasesAddAndMinimumLengthBarsStops) {
  SamplingRow row = greedy();
  row.bias_begin = 1;
  row.bias_end = 2;
  row.stop_begin = 0;
  row.stop_end = 1;
  row.min_tokens = 3;
  row.prompt_tokens = 8;
  Extras extras;
  extras.bias_ids = {0, 2};
  extras.bias_values = {100.0F, 5.0F};
  extras.stop_ids = {2};
  extras.position = 10;
  EXPECT_EQ(draw({1.0F, 2.0F, 0.0F}, row, extras).id, 1);
  extras.position = 11;
  EXPECT_EQ(draw({1.0F, 2.0F, 0.0F}, row, extras).id, 2);
}

TEST_F(SampleTest, LogProbabilitiesAreOfTheLogitsAsGiven) {
  SamplingRow row = greedy();
  row.top_logprobs = 2;
  row.bias_begin = 0;
  row.bias_end = 1;
  Extras extras;
  extras.bias_ids = {0};
  extras.bias_values = {50.0F};
  const SampledToken token = draw({0.0F, 1.0F, 2.0F, 2.0F}, row, extras);
  const double sum = std::log(1.0 + std::exp(1.0) + 2.0 * std::exp(2.0));
  EXPECT_EQ(token.id, 0);
  EXPECT_NEAR(token.logprob, -sum, 1e-6);
  ASSERT_EQ(token.top_count, 2);
  EXPECT_EQ(token.top_ids[0], 2);
  EXPECT_EQ(token.top_ids[1], 3);
  EXPECT_NEAR(token.top_logprobs[0], 2.0 - sum, 1e-6);
}

TEST_F(SampleTest, LogitsWithoutADistributionFailTheSlot) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {std::nanf(""), infinity}) {
    EXPECT_EQ(draw({0.0F, bad, 1.0F}, SamplingRow{}).id, 0);
    EXPECT_NE(header_.failed, 0);
  }
  draw({-infinity, -infinity}, SamplingRow{});
  EXPECT_NE(header_.failed, 0);
  draw({-infinity, 1.0F}, SamplingRow{});
  EXPECT_EQ(header_.failed, 0);
}

TEST_F(SampleTest, ADrawDependsOnSeedAndPositionAlone) {
  OpRig rig(*backend_, testing::fresh_seed());
  SamplingRow row;
  row.seed = 99;
  const std::vector<float> logits = rig.read(rig.randoms(DType::kF32, {40}, {.scale = 0.1F}));
  Extras extras;
  extras.position = 25;
  const int32_t alone = draw(logits, row, extras).id;
  // Third of three rows, another slot, other neighbours, several new tokens before it.
  std::vector<float> three = rig.read(rig.randoms(DType::kF32, {80}));
  three.insert(three.end(), logits.begin(), logits.end());
  const SequenceTable table = rig.table({{.slot = 0, .position = 20, .tokens = 5},
                                         {.slot = 2, .position = 3, .tokens = 1},
                                         {.slot = 1, .position = 7, .tokens = 1}},
                                        1, rig.headers(3));
  const SampleArgs args{.logits = rig.tensor(DType::kF32, {3, 40}, three),
                        .history = rig.zeros(DType::kI32, {3, 40}),
                        .sequence = rig.array(std::vector<int32_t>{2, 1, 0}),
                        .rows = rig.array(std::vector<SamplingRow>{row, {}, {}}),
                        .bias_ids = nullptr,
                        .bias_values = nullptr,
                        .stop_ids = nullptr,
                        .out = rig.array(std::vector<SampledToken>(3)),
                        .table = table,
                        .count = rig.count(3)};
  ops::sample(rig.context(), args);
  EXPECT_EQ(rig.read_array(args.out + 2, 1).front().id, alone);
  int different = 0;
  for (int32_t position = 1; position < 30; ++position) {
    extras.position = position;
    different += draw(logits, row, extras).id != alone ? 1 : 0;
  }
  EXPECT_GT(different, 20);
}

TEST_F(SampleTest, HistoryTellsPromptFromOutputAndStartsEmpty) {
  OpRig rig(*backend_, 1);
  SamplingRow row;
  row.prompt_tokens = 3;
  row.uses_history = 1;
  const HistoryArgs args{
      .ids = rig.ints({1, 2, 1, 2, 2, 77}),
      .history = rig.ints({5, 5, 5, 5}).reshaped({1, 4}),
      .rows = rig.array(std::vector<SamplingRow>{row}),
      .table = rig.table({{.slot = 0, .position = 0, .tokens = 6}}, 0, rig.headers(1)),
      .tokens = rig.count(6)};
  ops::record_history(rig.context(), args);
  const int32_t prompt = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(rig.read_ints(args.history), (std::vector<int32_t>{0, prompt, prompt + 2, 0}));
}

}  // namespace
}  // namespace dak
