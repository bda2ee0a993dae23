#include "dakkar/model/self_check.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

using testing::HasSubstr;
using Outcome = CheckReport::Outcome;

constexpr size_t kVocab = 8;

CheckRun plain_run() {
  CheckRun run;
  for (size_t i = 0; i < kCheckTokens * kVocab; ++i) {
    run.logits.push_back(1.0F + static_cast<float>(i % 5));
  }
  run.states.assign(3, {1.0F, -2.0F, 3.0F});
  return run;
}

void spoil_rows(CheckRun& run, size_t rows) {
  for (size_t row = 0; row < rows; ++row) {
    run.logits[row * kVocab] += 5.0F;
  }
}

Outcome outcome_of(const CheckRun& got) {
  return compare_checks(got, plain_run(), CheckBar::of(Numerics::kShipped)).outcome;
}

TEST(SelfCheckTest, SmallErrorsEverywhereAndLargeOnesInFewRowsPass) {
  CheckRun close = plain_run();
  for (float& value : close.logits) {
    value *= 1.01F;
  }
  EXPECT_EQ(outcome_of(close), Outcome::kSame);
  EXPECT_EQ(compare_checks(close, plain_run(), CheckBar::of(Numerics::kF32)).outcome,
            Outcome::kDifferent);
  CheckRun tied = plain_run();
  spoil_rows(tied, 4);
  EXPECT_EQ(outcome_of(tied), Outcome::kSame);
}

TEST(SelfCheckTest, ErrorsInManyRowsDoNotPass) {
  CheckRun wrong = plain_run();
  spoil_rows(wrong, 5);
  EXPECT_EQ(outcome_of(wrong), Outcome::kDifferent);
}

TEST(SelfCheckTest, WrongStatesAndNanAndOtherShapesDoNotPass) {
  CheckRun state = plain_run();
  state.states[0][1] = 2.0F;
  EXPECT_EQ(outcome_of(state), Outcome::kSame) << "one layer of three";
  state.states[1][1] = 2.0F;
  EXPECT_EQ(outcome_of(state), Outcome::kDifferent);
  CheckRun nan = plain_run();
  nan.logits[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(outcome_of(nan), Outcome::kDifferent);
  CheckRun other = plain_run();
  other.states.pop_back();
  EXPECT_THAT(compare_checks(other, plain_run(), CheckBar::of(Numerics::kShipped)).detail,
              HasSubstr("other shapes"));
}

TEST(SelfCheckTest, TheBarIsWiderWhereShippedNumericsThemselvesDifferMoreFromF32) {
  CheckRun coarse = plain_run();
  for (float& value : coarse.logits) {
    value *= 1.1F;
  }
  const CheckBar wide = CheckBar::of(coarse, plain_run());
  EXPECT_NEAR(wide.logits, 0.15, 1e-3);
  EXPECT_EQ(wide.state, CheckBar::of(Numerics::kShipped).state);
  const CheckBar plain = CheckBar::of(plain_run(), plain_run());
  EXPECT_EQ(plain.logits, CheckBar::of(Numerics::kShipped).logits);
  EXPECT_EQ(compare_checks(coarse, plain_run(), wide).outcome, Outcome::kSame);
  EXPECT_EQ(compare_checks(coarse, plain_run(), plain).outcome, Outcome::kDifferent);
}

/// A committed checkpoint and the two backends.
class SelfCheckModelTest : public testing::TestWithParam<std::string> {
 protected:
  CheckRun run(const Backend& backend) {
    const std::string folder = "tests/data/checkpoints/" + GetParam();
    const ModelConfig config = ModelConfig::load(folder).value();
    const Result<QuantConfig> quant = QuantConfig::load(folder);
    check(quant.has_value(), "a committed checkpoint can be read");
    const WeightSet weights = WeightSet::open(folder, config).value();
    return run_check(
               {.config = &config, .quant = &*quant, .weights = &weights, .backend = &backend})
        .value();
  }
};

TEST_P(SelfCheckModelTest, TheCpuPassesAgainstTheReference) {
  const Result<std::unique_ptr<Backend>> cpu = open_cpu();
  if (!cpu) {
    GTEST_SKIP() << cpu.error().message;
  }
  const CheckReport report =
      compare_checks(run(**cpu), run(**open_reference()), CheckBar::of(Numerics::kShipped));
  EXPECT_EQ(report.outcome, Outcome::kSame) << report.detail;
  EXPECT_GT(report.logits_error, 0.0) << "two ways of computing never agree in every bit";
}

INSTANTIATE_TEST_SUITE_P(Tiny, SelfCheckModelTest,
                         testing::Values("dense_modelopt", "moe_modelopt", "latent_modelopt"));

}  // namespace
}  // namespace dak
