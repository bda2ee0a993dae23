#include "dakkar/quantize/quantize.h"

#include <cmath>
#include <filesystem>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/base/process_memory.h"
#include "dakkar/tensor/quant_encoder.h"
#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

using testing::HasSubstr;

const std::string kCheckpoint = "tests/data/checkpoints/latent_bf16";

/// A checkpoint that can be quantized.
struct Original {
  std::filesystem::path folder;
  ModelConfig config;
  QuantConfig quant;
  WeightSet weights;

  static Original open(const std::string& folder) {
    ModelConfig config = ModelConfig::load(folder).value();
    QuantConfig quant = QuantConfig::load(folder).value();
    WeightSet weights = WeightSet::open(folder, {.config = config, .quant = quant}).value();
    return {.folder = folder,
            .config = std::move(config),
            .quant = std::move(quant),
            .weights = std::move(weights)};
  }
};

class QuantizeTest : public testing::Test {
 protected:
  Result<QuantizeReport> run(const Original& original,
                             std::vector<std::vector<TokenId>> calibration) {
    return quantize({.source = original.folder,
                     .out = out(),
                     .config = original.config,
                     .quant = original.quant,
                     .weights = original.weights,
                     .backend = *backend_,
                     .calibration = std::move(calibration),
                     .max_file_bytes = 20'000,
                     .version = "1"});
  }
  std::filesystem::path out() const { return folder_.path() / "out"; }

  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_ = open_reference().value();
};

float scale_in(const Original& model, const std::string& name) {
  return model.weights.stored(name).value().as<float>()[0];
}

TEST_F(QuantizeTest, OutputOpensAndHasTheFormatsOfTheRecipe) {
  const Original original = Original::open(kCheckpoint);
  const auto report = run(original, {{1, 2, 3, 4, 5, 6, 7}, {9, 8, 7}});
  ASSERT_TRUE(report) << report.error().message;
  const Original made = Original::open(out().string());
  for (const TensorSpec& spec : tensor_table(made.config)) {
    const std::optional<QuantFormat> wanted = recipe_format(spec);
    if (spec.role == TensorRole::kLinear) {
      EXPECT_EQ(made.weights.stored_format(spec.module()), wanted.value_or(QuantFormat::kBF16))
          << spec.name;
    }
    if (wanted) {
      EXPECT_GT(made.weights.find_linear(spec.module()).value().input_scale.value(), 0.0F);
    }
  }
  EXPECT_TRUE(made.quant.fp8_kv_cache);
  EXPECT_TRUE(made.weights.has_mtp());
  EXPECT_GT(report->files, 1);
  EXPECT_EQ(report->calibration_tokens, 10);
  EXPECT_TRUE(std::filesystem::exists(out() / "tokenizer.json"));
}

TEST_F(QuantizeTest, BothConfigsSayTheSame) {
  const Original original = Original::open(kCheckpoint);
  ASSERT_TRUE(run(original, {{1, 2, 3}}));
  const QuantConfig own = QuantConfig::load(out()).value();
  std::filesystem::remove(out() / "hf_quant_config.json");
  const QuantConfig inner = QuantConfig::load(out()).value();
  EXPECT_EQ(own.modules, inner.modules);
  EXPECT_EQ(own.excludes, inner.excludes);
  EXPECT_TRUE(own.mixed && inner.mixed && inner.fp8_kv_cache);
  EXPECT_EQ(own.algo_of("mtp.layers.1.mixer.experts.0.up_proj"), QuantAlgo::kNone);
}

/// The largest value of norm(embedding) that the first layer's linear is fed, rounded as between
/// kernels.
float first_layer_amax(const Original& original, const std::vector<TokenId>& ids) {
  const QuantView table = original.weights.find_linear("backbone.embeddings").value();
  const std::vector<float> norm = original.weights.vector("backbone.layers.0.norm.weight").value();
  float amax = 0.0F;
  for (const TokenId id : ids) {
    const BF16* row = table.values.rows(id, 1).as<BF16>();
    double squares = 0.0;
    for (size_t i = 0; i < norm.size(); ++i) {
      squares += static_cast<double>(to_float(row[i])) * static_cast<double>(to_float(row[i]));
    }
    const double root =
        std::sqrt(squares / static_cast<double>(norm.size()) + original.config.norm_eps);
    for (size_t i = 0; i < norm.size(); ++i) {
      const double value = to_float(row[i]) / root * static_cast<double>(norm[i]);
      amax = std::max(amax, round_bf16(static_cast<float>(std::abs(value))));
    }
  }
  return amax;
}

TEST_F(QuantizeTest, InputScaleIsTheLargestInputOfAllSequences) {
  const Original original = Original::open(kCheckpoint);
  ASSERT_EQ(original.config.layers[0], LayerKind::kMamba);
  ASSERT_TRUE(run(original, {{1, 2, 3}, {40, 41}}));
  const Original made = Original::open(out().string());
  const float amax = first_layer_amax(original, {1, 2, 3, 40, 41});
  EXPECT_FLOAT_EQ(scale_in(made, "backbone.layers.0.mixer.in_proj.input_scale"), fp8_scale(amax));
}

TEST_F(QuantizeTest, ExpertsWithoutTokensTakeTheLargestInputOfTheirLayer) {
  const Original original = Original::open(kCheckpoint);
  const auto report = run(original, {{5}});
  ASSERT_TRUE(report) << report.error().message;
  const int64_t layers = original.config.count(LayerKind::kMoe);
  EXPECT_EQ(report->experts, layers * original.config.moe.experts);
  EXPECT_EQ(report->unreached_experts,
            layers * (original.config.moe.experts - original.config.moe.chosen));
  const Original made = Original::open(out().string());
  const size_t layer = static_cast<size_t>(
      std::find(made.config.layers.begin(), made.config.layers.end(), LayerKind::kMoe) -
      made.config.layers.begin());
  float least = HUGE_VALF;
  float most = 0.0F;
  for (int64_t e = 0; e < original.config.moe.experts; ++e) {
    const float scale =
        scale_in(made, "backbone.layers." + std::to_string(layer) + ".mixer.experts." +
                           std::to_string(e) + ".up_proj.input_scale");
    least = std::min(least, scale);
    most = std::max(most, scale);
  }
  EXPECT_EQ(least, most) << "one token feeds the same to every expert that it reaches";
}

TEST_F(QuantizeTest, QuantizedOriginalIsRefused) {
  const auto report = run(Original::open("tests/data/checkpoints/latent_modelopt"), {{1, 2}});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("needs the BF16 original"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

TEST_F(QuantizeTest, FolderWithSomethingInItIsLeftAlone) {
  std::filesystem::create_directory(out());
  write_file(out() / "note", "mine");
  const auto report = run(Original::open(kCheckpoint), {{1, 2}});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("has something in it"));
  EXPECT_TRUE(std::filesystem::exists(out() / "note"));
}

TEST_F(QuantizeTest, FailureLeavesNothingBehind) {
  const Original original = Original::open(kCheckpoint);
  const auto report = run(original, {{1, static_cast<TokenId>(original.config.vocab)}});
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("outside the vocabulary"));
  EXPECT_FALSE(std::filesystem::exists(out()));
}

/// 12 layers of 4.3 MB each.
constexpr std::string_view kWide = R"({"model_type":"nemotron_h","vocab_size":64,
"hybrid_override_pattern":"EEEEEEEEEEEE","hidden_size":128,"num_attention_heads":2,
"num_key_value_heads":2,"head_dim":64,"mamba_num_heads":2,"mamba_head_dim":64,"n_groups":1,
"ssm_state_size":16,"n_routed_experts":8,"num_experts_per_tok":2,"moe_intermediate_size":1024,
"moe_latent_size":128,"moe_shared_expert_intermediate_size":256,"intermediate_size":128,
"eos_token_id":2})";

TEST_F(QuantizeTest, OnlyOneLayerIsInMemory) {
  write_file(folder_.path() / "config.json", kWide);
  const ModelConfig config = ModelConfig::load(folder_.path()).value();
  const Original original = {.folder = folder_.path(),
                             .config = config,
                             .quant = {},
                             .weights = WeightSet::dummy(config, {}, 1)};
  const int64_t before = peak_resident_bytes();
  const auto report = run(original, {{1, 2, 3, 4}});
  ASSERT_TRUE(report) << report.error().message;
  const int64_t grown = peak_resident_bytes() - before;
  EXPECT_GT(original.weights.total_bytes(), 11 * report->largest_layer_bytes);
  EXPECT_LT(grown, 5 * report->largest_layer_bytes);
}

}  // namespace
}  // namespace dak
