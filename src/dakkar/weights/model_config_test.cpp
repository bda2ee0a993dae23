#include "dakkar/weights/model_config.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"
#include "dakkar/weights/family_configs.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ModelConfig parsed(std::string_view text) {
  const auto config = ModelConfig::parse(text, "test");
  EXPECT_TRUE(config.has_value()) << config.error().message;
  return config.value_or(ModelConfig());
}

Error error_of(std::string_view text) {
  const auto config = ModelConfig::parse(text, "test");
  EXPECT_FALSE(config.has_value()) << text.substr(text.size() - std::min<size_t>(text.size(), 200));
  return config ? Error() : config.error();
}

/// Nano's config with one more field in front.
std::string nano_with(const std::string& field) {
  return family::replaced(family::nano(), "{", "{" + field + ",");
}

std::string nano_without(std::string_view field) {
  return family::replaced(family::nano(), "\"" + std::string(field) + "\"",
                          "\"x_" + std::string(field) + "\"");
}

std::string pattern_of(const ModelConfig& config) {
  std::string text;
  for (const LayerKind kind : config.layers) {
    text += letter_of(kind);
  }
  return text;
}

TEST(ModelConfigTest, ReadsUltraWithItsInfinity) {
  const ModelConfig config = parsed(family::ultra());
  EXPECT_EQ(pattern_of(config), family::kUltraPattern);
  EXPECT_EQ(config.count(LayerKind::kMamba), 48);
  EXPECT_EQ(config.count(LayerKind::kAttention), 12);
  EXPECT_EQ(config.mamba.inner(), 16384);
  EXPECT_EQ(config.mamba.conv_channels(), 18432);
  EXPECT_EQ(config.mamba.in_proj_rows(), 35072);
  EXPECT_EQ(config.attention.query_width(), 8192);
  EXPECT_EQ(config.expert_width(), 2048);
  EXPECT_EQ(config.moe.shared_inner, 10240);
  EXPECT_EQ(config.moe.routed_scaling, 5.0F);
  EXPECT_EQ(config.mamba.dt_min, 0.0F);
  EXPECT_TRUE(std::isinf(config.mamba.dt_max));
  EXPECT_THAT(config.mtp_layers, ElementsAre(LayerKind::kAttention, LayerKind::kMoe));
  EXPECT_EQ(config.mtp_depths, 1);
  EXPECT_THAT(config.eos_ids, ElementsAre(2));
}

TEST(ModelConfigTest, ReadsSuperWhoseLimitIsAHugeNumber) {
  const ModelConfig config = parsed(family::super());
  EXPECT_EQ(config.layers.size(), 88U);
  EXPECT_EQ(config.mamba.in_proj_rows(), 18560);
  EXPECT_EQ(config.moe.latent, 1024);
  EXPECT_TRUE(std::isinf(config.mamba.dt_max));
}

TEST(ModelConfigTest, ReadsNanoWithoutLatentExpertsOrMtp) {
  const ModelConfig config = parsed(family::nano());
  EXPECT_EQ(config.count(LayerKind::kMoe), 23);
  EXPECT_EQ(config.expert_width(), 2688);
  EXPECT_EQ(config.mamba.inner(), 4096);
  EXPECT_EQ(config.mtp_depths, 0);
  EXPECT_TRUE(config.mtp_layers.empty());
}

TEST(ModelConfigTest, ReadsLightningWhoseLatentSizeIsNull) {
  const ModelConfig config = parsed(family::lightning());
  EXPECT_EQ(config.moe.latent, 0);
  EXPECT_EQ(config.max_positions, 1048576);
  EXPECT_THAT(config.mtp_layers, ElementsAre(LayerKind::kAttention, LayerKind::kMoe));
}

TEST(ModelConfigTest, KnowsTheTrainedLengthWhereLongerPromptsAreLetIn) {
  const ModelConfig plain = parsed(family::nano());
  EXPECT_EQ(plain.trained_positions, plain.max_positions);
  EXPECT_EQ(parsed(nano_with(R"("original_max_position_embeddings": 8192)")).trained_positions,
            8192);
  EXPECT_EQ(parsed(nano_with(R"("original_max_position_embeddings": 9999999)")).trained_positions,
            plain.max_positions);
}

TEST(ModelConfigTest, ReadsTheDenseMembers) {
  const ModelConfig nine = parsed(family::nano_9b_v2());
  EXPECT_EQ(nine.mamba.in_proj_rows(), 22656);
  EXPECT_EQ(nine.count(LayerKind::kMlp), 25);
  EXPECT_EQ(nine.mlp_inner[1], 15680);
  EXPECT_EQ(nine.mlp_inner[0], 0);
  EXPECT_EQ(parsed(family::nano_12b_v2()).layers.size(), 62U);
  EXPECT_EQ(parsed(family::h_8b()).attention.head_dim, 128);
  const ModelConfig four =
      parsed(family::dense({"M-M-M*-", 3072, 32, 112, 64, 128, 12288}, R"(,"head_dim":128)"));
  EXPECT_EQ(four.mamba.inner(), 7168);
  const ModelConfig nano_four =
      parsed(family::dense({"M-M-M*-", 3136, 32, 96, 80, 128, 12544}, R"(,"head_dim":128)"));
  EXPECT_EQ(nano_four.mamba.inner(), 7680);
}

TEST(ModelConfigTest, ReadsTheSpellingsOfTheLargestDenseMembers) {
  const ModelConfig config = parsed(family::dense(
      {"M-M-M*-", 8192, 64, 256, 64, 256, 32768},
      R"(,"attention_head_dim":128,"rms_norm_eps":1e-6,"mamba_d_conv":4,"mamba_chunk_size":256,
"mamba_dt_min":0.001,"mamba_dt_limit":[0.0,Infinity],"mamba_conv_bias":false,"mamba_n_groups":8)"));
  EXPECT_EQ(config.mamba.state, 256);
  EXPECT_EQ(config.mamba.chunk, 256);
  EXPECT_EQ(config.norm_eps, 1e-6F);
  EXPECT_FALSE(config.mamba.conv_bias);
}

TEST(ModelConfigTest, LayerListsMayUseTheNewWords) {
  const std::string text =
      family::replaced(family::replaced(family::nano(), "\"hybrid_override_pattern\"", "\"x\""),
                       "{", R"({"layer_types":["linear_attention","moe","full_attention"],"n":0,)");
  const ModelConfig config = parsed(family::replaced(text, "\"num_hidden_layers\":52,", ""));
  EXPECT_EQ(pattern_of(config), "ME*");
}

TEST(ModelConfigTest, UnifiedPatternsCarryTheMtpHead) {
  const std::string text = family::dense({"M-|M*/*E/*E", 4096, 32, 128, 64, 128, 1024},
                                         R"(,"num_local_experts":8,"num_experts_per_tok":2,
"moe_intermediate_size":64,"moe_shared_expert_intermediate_size":64,"n_shared_experts":2)");
  const ModelConfig config = parsed(text);
  EXPECT_EQ(pattern_of(config), "M-M*");
  EXPECT_EQ(config.mtp_depths, 2);
  EXPECT_THAT(config.mtp_layers, ElementsAre(LayerKind::kAttention, LayerKind::kMoe));
  EXPECT_EQ(config.moe.experts, 8);
  EXPECT_EQ(config.moe.shared_inner, 128);
}

TEST(ModelConfigTest, MlpWidthsMayBeAListByOrdinal) {
  const std::string text =
      family::replaced(family::dense({"M-M*-", 4096, 32, 128, 64, 128, 77}, ""),
                       "\"intermediate_size\":77", "\"intermediate_size\":[96,160]");
  EXPECT_THAT(parsed(text).mlp_inner, ElementsAre(0, 96, 0, 0, 160));
  EXPECT_THAT(error_of(family::replaced(text, "[96,160]", "[96,-1]")).message,
              HasSubstr("no usable width for layer 4"));
}

TEST(ModelConfigTest, TimeStepMinAndMaxNeverClamp) {
  const ModelConfig config = parsed(nano_with(R"("time_step_min":0.001,"time_step_max":0.1)"));
  EXPECT_EQ(config.mamba.dt_min, 0.0F);
  EXPECT_TRUE(std::isinf(config.mamba.dt_max));
  const ModelConfig limited = parsed(nano_with(R"("time_step_limit":[0.01,0.5])"));
  EXPECT_EQ(limited.mamba.dt_min, 0.01F);
  EXPECT_EQ(limited.mamba.dt_max, 0.5F);
}

TEST(ModelConfigTest, RotaryFieldsThatTheFamilyIgnoresAreIgnored) {
  parsed(nano_with(R"("rope_theta":5,"partial_rotary_factor":0.5)"));
  parsed(nano_with(R"("rope_scaling":null,"rope_parameters":{"rope_type":"default"})"));
}

TEST(ModelConfigTest, RefusesByNameWhatWouldChangeTheMaths) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("rope_scaling":{"type":"yarn"})", "rope_scaling"},
      {R"("rope_parameters":{"rope_type":"yarn"})", "rope_parameters.rope_type"},
      {R"("sliding_window":4096)", "sliding_window"},
      {R"("tie_word_embeddings":true)", "tie_word_embeddings"},
      {R"("attention_bias":true)", "attention_bias"},
      {R"("mlp_bias":true)", "mlp_bias"},
      {R"("use_bias":true)", "use_bias"},
      {R"("mamba_proj_bias":true)", "mamba_proj_bias"},
      {R"("mlp_hidden_act":"silu")", "mlp_hidden_act"},
      {R"("mamba_hidden_act":"gelu")", "mamba_hidden_act"},
      {R"("text_config":{})", "text_config"},
      {R"("llm_config":{})", "llm_config"},
      {R"("block_configs":[])", "nemotron_h_puzzle"},
      {R"("dtype":"float8")", "dtype"},
      {R"("mamba_ssm_cache_dtype":"int8")", "mamba_ssm_cache_dtype"}};
  for (const auto& [field, name] : cases) {
    const std::string without = name == "dtype" ? nano_without("torch_dtype") : family::nano();
    const Error error = error_of(family::replaced(without, "{", "{" + field + ","));
    EXPECT_EQ(error.code, ErrorCode::kUnsupportedModel) << field;
    EXPECT_THAT(error.message, HasSubstr(name));
  }
}

TEST(ModelConfigTest, RefusesOtherModelsByName) {
  const auto other = [](const std::string& type) {
    return error_of(family::replaced(family::nano(), "\"nemotron_h\"", "\"" + type + "\"")).message;
  };
  EXPECT_THAT(other("llama"), HasSubstr("model_type is \"llama\""));
  EXPECT_THAT(other("nemotron_h_puzzle"), HasSubstr("nemotron_h_puzzle"));
}

TEST(ModelConfigTest, RefusesUnknownLayers) {
  EXPECT_THAT(error_of(family::replaced(family::nano(), "MEMEM*", "MEMEMX")).message,
              HasSubstr("layer 5 of the pattern is \"X\""));
  EXPECT_THAT(error_of(nano_with(R"("layers_block_type":["mamba","linear"])")).message,
              HasSubstr("layers_block_type[1] is \"linear\""));
}

TEST(ModelConfigTest, RefusesConfigsThatContradictThemselves) {
  EXPECT_THAT(error_of(nano_with(R"("layers_block_type":["mamba"])")).message, HasSubstr("differ"));
  EXPECT_THAT(error_of(nano_with(R"("norm_eps":1e-3)")).message, HasSubstr("two spellings"));
  EXPECT_THAT(error_of(family::replaced(family::nano(), ":52,", ":51,")).message,
              HasSubstr("num_hidden_layers is 51, but the layer list has 52"));
}

TEST(ModelConfigTest, RefusesSizesThatDoNotFitTogether) {
  const auto problem = [](std::string_view from, std::string_view to) {
    return error_of(family::replaced(family::nano(), from, to)).message;
  };
  EXPECT_THAT(problem("\"n_groups\":8", "\"n_groups\":7"), HasSubstr("multiple of n_groups 7"));
  EXPECT_THAT(problem("\"num_key_value_heads\":2", "\"num_key_value_heads\":3"),
              HasSubstr("multiple of num_key_value_heads 3"));
  EXPECT_THAT(problem("\"num_experts_per_tok\":6", "\"num_experts_per_tok\":129"),
              HasSubstr("num_experts_per_tok 129"));
  EXPECT_THAT(error_of(nano_with(R"("n_group":5,"topk_group":2)")).message, HasSubstr("n_group 5"));
  EXPECT_THAT(error_of(nano_with(R"("n_group":4,"topk_group":5)")).message,
              HasSubstr("topk_group 5"));
  EXPECT_EQ(parsed(nano_with(R"("n_group":4,"topk_group":2)")).moe.n_group, 4);
}

TEST(ModelConfigTest, RefusesAbsurdSizes) {
  const auto problem = [](std::string_view from, std::string_view to) {
    return error_of(family::replaced(family::nano(), from, to)).message;
  };
  EXPECT_THAT(problem("\"hidden_size\":2688", "\"hidden_size\":0"), HasSubstr("hidden_size is 0"));
  EXPECT_THAT(problem("\"hidden_size\":2688", "\"hidden_size\":1e15"), HasSubstr("hidden_size"));
  EXPECT_THAT(problem("\"hidden_size\":2688", "\"hidden_size\":-1"),
              HasSubstr("hidden_size is -1"));
  EXPECT_THAT(problem("\"hidden_size\":2688", "\"hidden_size\":NaN"), HasSubstr("hidden_size"));
  EXPECT_THAT(problem("\"vocab_size\":131072", "\"vocab_size\":\"many\""),
              HasSubstr("vocab_size must be an integer, not a string"));
  EXPECT_THAT(problem("\"n_routed_experts\":128", "\"n_routed_experts\":16384"),
              HasSubstr("absurdly many"));
  EXPECT_THAT(error_of(nano_with(R"("time_step_limit":[1,0.5])")).message,
              HasSubstr("time_step_limit must be two numbers"));
  EXPECT_THAT(error_of(nano_with(R"("time_step_limit":[NaN,1])")).message,
              HasSubstr("time_step_limit"));
  EXPECT_THAT(problem("1e-05", "Infinity"), HasSubstr("layer_norm_epsilon"));
}

TEST(ModelConfigTest, NamesFieldsThatAreMissing) {
  for (const std::string_view field :
       {"hidden_size", "vocab_size", "n_routed_experts", "num_experts_per_tok",
        "moe_intermediate_size", "hybrid_override_pattern"}) {
    EXPECT_THAT(error_of(nano_without(field)).message, HasSubstr(std::string(field)));
  }
}

TEST(ModelConfigTest, RefusesTextThatIsNoObject) {
  EXPECT_THAT(error_of("[]").message, HasSubstr("must be an object"));
  EXPECT_EQ(error_of("{").code, ErrorCode::kCorruptFile);
}

TEST(ModelConfigTest, LoadNamesTheFileAndTakesTheFoldersName) {
  TemporaryFolder folder;
  EXPECT_THAT(ModelConfig::load(folder.path()).error().message, HasSubstr("config.json"));
  write_file(folder.path() / "config.json", family::nano());
  EXPECT_EQ(ModelConfig::load(folder.path())->name, folder.path().filename().string());
  write_file(folder.path() / "config.json", "{}");
  EXPECT_THAT(ModelConfig::load(folder.path()).error().message, HasSubstr("config.json: "));
}

TEST(GenerationDefaultsTest, WithoutAFileTheFamilysStopIdsJoinTheConfigs) {
  ModelConfig config = parsed(family::nano());
  EXPECT_THAT(GenerationDefaults::without_file(config).eos_ids, ElementsAre(2, 11));
  config.vocab = 256;
  EXPECT_THAT(GenerationDefaults::without_file(config).eos_ids, ElementsAre(2));
}

TEST(GenerationDefaultsTest, ReadsOneStopIdOrAList) {
  const ModelConfig config = parsed(family::nano());
  const auto list = GenerationDefaults::parse(
      R"({"eos_token_id":[2,11],"temperature":1.0,"top_p":0.95,"top_k":20,"do_sample":true})",
      config);
  ASSERT_TRUE(list.has_value()) << list.error().message;
  EXPECT_THAT(list->eos_ids, ElementsAre(2, 11));
  EXPECT_EQ(list->top_p, 0.95);
  EXPECT_EQ(list->top_k, 20);
  EXPECT_EQ(list->min_p, std::nullopt);
  const auto one = GenerationDefaults::parse(R"({"eos_token_id":11})", config);
  EXPECT_THAT(one->eos_ids, ElementsAre(11));
}

TEST(GenerationDefaultsTest, RefusesIdsAndValuesOutOfRange) {
  const ModelConfig config = parsed(family::nano());
  const auto problem = [&](std::string_view text) {
    return GenerationDefaults::parse(text, config).error().message;
  };
  EXPECT_THAT(problem(R"({"eos_token_id":131072})"), HasSubstr("eos_token_id is 131072"));
  EXPECT_THAT(problem(R"({"eos_token_id":[2,"x"]})"), HasSubstr("eos_token_id[1]"));
  EXPECT_THAT(problem(R"({"temperature":-1})"), HasSubstr("temperature"));
  EXPECT_THAT(problem(R"({"top_p":NaN})"), HasSubstr("top_p"));
}

}  // namespace
}  // namespace dak
