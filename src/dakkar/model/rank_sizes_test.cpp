#include "dakkar/model/rank_sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/model/model.h"
#include "dakkar/weights/family_configs.h"
#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

/// A committed checkpoint and how many ranks it is cut for.
struct Cut {
  std::string checkpoint;
  int tp = 1;
};

/// What the plan says against what loading takes.
class RankSizesTest : public testing::TestWithParam<Cut> {
 protected:
  RankSizesTest() { quant_ = QuantConfig::load(folder_).value(); }

  std::unique_ptr<Model> loaded() {
    return load_model({.config = &config_,
                       .quant = &quant_,
                       .weights = &weights_,
                       .backend = backend_.get(),
                       .numerics = Numerics::kShipped,
                       .tp = GetParam().tp,
                       .rank = 0})
        .value();
  }

  RankSizes planned() {
    return rank_sizes(
        {.config = config_,
         .quant = quant_,
         .format_of = [&](const TensorSpec& spec) { return weights_.stored_format(spec.module()); },
         .grid = {.tp = GetParam().tp}});
  }

  const std::string folder_ = "tests/data/checkpoints/" + GetParam().checkpoint;
  ModelConfig config_ = ModelConfig::load(folder_).value();
  QuantConfig quant_;
  WeightSet weights_ = WeightSet::open(folder_, config_).value();
  std::unique_ptr<Backend> backend_ = std::move(*open_reference());
};

TEST_P(RankSizesTest, AreWhatALoadedRankTakes) {
  const std::unique_ptr<Model> model = loaded();
  const RankSizes sizes = planned();
  EXPECT_EQ(sizes.cache.page_bytes, model->cache_spec().page_bytes);
  EXPECT_EQ(sizes.cache.state_bytes(), model->cache_spec().state_bytes());
  EXPECT_EQ(sizes.cache.vocab, model->cache_spec().vocab);
  EXPECT_EQ(sizes.weight_bytes, model->weight_bytes());
}

INSTANTIATE_TEST_SUITE_P(Tiny, RankSizesTest,
                         testing::Values(Cut{"moe_bf16", 1}, Cut{"latent_bf16", 2}));

TEST(RankSizesGridTest, WholeExpertsAreAnEqualShareOfThem) {
  const ModelConfig ultra = ModelConfig::parse(family::ultra(), "ultra").value();
  const auto bytes = [&](const RankGrid& grid) {
    return rank_sizes({.config = ultra,
                       .quant = {},
                       .format_of = [](const TensorSpec&) { return QuantFormat::kBF16; },
                       .grid = grid})
        .weight_bytes;
  };
  const auto cut = static_cast<double>(bytes({.tp = 4, .dp = 1, .ep = 1}));
  EXPECT_NEAR(static_cast<double>(bytes({.tp = 4, .dp = 1, .ep = 4})), cut, 0.01 * cut);
  EXPECT_GT(bytes({.tp = 1, .dp = 4, .ep = 4}), bytes({.tp = 4, .dp = 1, .ep = 4}));
}

}  // namespace
}  // namespace dak
