#include <gtest/gtest.h>

#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

/// The checkpoints that other tests compute with, written by the Python library of the format.
class CommittedCheckpointTest : public testing::TestWithParam<std::string_view> {};

TEST_P(CommittedCheckpointTest, EveryTensorOfTheTableIsReadAndNothingIsLeftOver) {
  const auto folder = std::filesystem::path("tests/data/checkpoints") / GetParam();
  const auto config = ModelConfig::load(folder);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  const auto set = WeightSet::open(folder, *config);
  ASSERT_TRUE(set.has_value()) << set.error().message;
  for (const TensorSpec& spec : tensor_table(*config)) {
    const bool linear = spec.role == TensorRole::kLinear;
    EXPECT_TRUE(linear ? set->find_linear(spec.module()).has_value()
                       : set->vector(spec.name).has_value())
        << spec.name;
  }
  EXPECT_TRUE(set->ignored().empty());
  EXPECT_EQ(set->has_mtp(), config->mtp_depths > 0);
}

TEST_P(CommittedCheckpointTest, StopIdsAndFormatsAreAnnounced) {
  const auto folder = std::filesystem::path("tests/data/checkpoints") / GetParam();
  const auto config = ModelConfig::load(folder);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  const auto defaults = GenerationDefaults::load(folder, *config);
  ASSERT_TRUE(defaults.has_value()) << defaults.error().message;
  EXPECT_FALSE(defaults->eos_ids.empty());
  const bool quantized = GetParam().ends_with("modelopt");
  EXPECT_EQ(QuantConfig::load(folder)->fp8_kv_cache, quantized);
}

INSTANTIATE_TEST_SUITE_P(All, CommittedCheckpointTest,
                         testing::Values("dense_bf16", "dense_modelopt", "latent_bf16",
                                         "latent_modelopt", "moe_bf16", "moe_modelopt"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace dak
