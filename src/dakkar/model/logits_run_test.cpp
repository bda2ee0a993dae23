#include "dakkar/model/logits_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A committed tiny checkpoint on the reference backend.
class LogitsRunTest : public testing::Test {
 protected:
  explicit LogitsRunTest(const std::string& name = "moe_bf16") {
    const std::filesystem::path folder = "tests/data/checkpoints/" + name;
    config_ = ModelConfig::load(folder).value();
    quant_ = QuantConfig::load(folder).value();
    weights_.emplace(WeightSet::open(folder, config_).value());
  }

  LogitsArgs args(std::vector<TokenId> ids) {
    LogitsArgs args;
    args.load = {.config = &config_,
                 .quant = &quant_,
                 .weights = &*weights_,
                 .backend = backend_.get(),
                 .numerics = Numerics::kF32};
    args.ids = std::move(ids);
    return args;
  }

  std::string refusal(const LogitsArgs& args) {
    const Result<LogitsRun> run = run_logits(args);
    return run ? "no refusal" : run.error().message;
  }

  ModelConfig config_;
  QuantConfig quant_;
  std::optional<WeightSet> weights_;
  std::unique_ptr<Backend> backend_ = std::move(*open_reference());
};

TEST_F(LogitsRunTest, GivesOneRowPerToken) {
  const Result<LogitsRun> run = run_logits(args({5, 6, 7}));
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(std::ssize(run->logits), 3 * config_.vocab);
  EXPECT_TRUE(run->mtp_logits.empty());
  EXPECT_EQ(std::ssize(run->states), config_.count(LayerKind::kMamba));
}

TEST_F(LogitsRunTest, RefusesIdsOutsideTheVocabulary) {
  EXPECT_THAT(refusal(args({1, 256})), HasSubstr("token id 256 is outside the vocabulary of 256"));
  EXPECT_THAT(refusal(args({-1})), HasSubstr("token id -1"));
  EXPECT_THAT(refusal(args({})), HasSubstr("no token ids"));
}

TEST_F(LogitsRunTest, RefusesCutsThatDoNotAscendWithinTheTokens) {
  LogitsArgs bad = args({1, 2, 3});
  bad.cuts = {2, 2};
  EXPECT_THAT(refusal(bad), HasSubstr("2 follows 2"));
  bad.cuts = {4};
  EXPECT_THAT(refusal(bad), HasSubstr("within 1..3"));
}

TEST_F(LogitsRunTest, RefusesDraftsOfAModelWithoutAHead) {
  LogitsArgs drafts = args({1, 2});
  drafts.mtp = MtpLogits::kYes;
  EXPECT_THAT(refusal(drafts), HasSubstr("no MTP head"));
}

TEST_F(LogitsRunTest, RefusesRanksThatTheModelCannotBeCutFor) {
  LogitsArgs three = args({1, 2});
  three.load.tp = 3;
  EXPECT_THAT(refusal(three), HasSubstr("3"));
}

TEST_F(LogitsRunTest, ScratchGrowsWithTheStepAndIsMeasuredWithoutWeights) {
  Result<std::unique_ptr<Model>> model = load_model(args({}).load);
  ASSERT_TRUE(model.has_value());
  const int64_t one = (*model)->workspace_bytes({.tokens = 1, .sequences = 1, .logit_rows = 1});
  const int64_t many = (*model)->workspace_bytes({.tokens = 64, .sequences = 8, .logit_rows = 8});
  EXPECT_GT(one, 0);
  EXPECT_GT(many, 8 * one);
}

TEST(EqualCutsTest, EndAtTheLastToken) {
  EXPECT_THAT(equal_cuts(300, 128), ElementsAre(128, 256, 300));
  EXPECT_THAT(equal_cuts(256, 128), ElementsAre(128, 256));
  EXPECT_THAT(equal_cuts(5, 7), ElementsAre(5));
}

}  // namespace
}  // namespace dak
