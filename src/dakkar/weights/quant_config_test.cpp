#include "dakkar/weights/quant_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"

namespace dak {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr std::string_view kMixed = R"({"quant_algo":"MIXED_PRECISION","kv_cache_quant_algo":"FP8",
"exclude_modules":["lm_head","backbone.layers.*.mixer.conv1d","mtp*"],"quantized_layers":{
"backbone.layers.0.mixer.in_proj":{"quant_algo":"FP8"},
"backbone.layers.1.mixer.experts.0.up_proj":{"quant_algo":"W4A16_NVFP4","group_size":16},
"backbone.layers.3.mixer.experts":{"quant_algo":"NVFP4","group_size":16}}})";

constexpr std::string_view kWhole = R"({"quant_algo":"NVFP4","group_size":16,
"exclude_modules":["lm_head","backbone.layers.4.mixer.in_proj","backbone.layers.5*",
"mtp.layers.0"]})";

QuantConfig parsed(std::string_view text) {
  const JsonDocument document = JsonDocument::parse(text).value();
  return QuantConfig::parse(document.root()).value();
}

std::string problem_of(std::string_view text) {
  const JsonDocument document = JsonDocument::parse(text).value();
  const auto config = QuantConfig::parse(document.root());
  return config ? "accepted" : config.error().message;
}

TEST(QuantConfigTest, MixedPrecisionNamesEveryQuantizedModule) {
  const QuantConfig config = parsed(kMixed);
  EXPECT_TRUE(config.fp8_kv_cache);
  EXPECT_EQ(config.algo_of("backbone.layers.0.mixer.in_proj"), QuantAlgo::kFp8);
  EXPECT_EQ(config.algo_of("backbone.layers.1.mixer.experts.0.up_proj"), QuantAlgo::kNvfp4Weight);
  EXPECT_EQ(config.algo_of("backbone.layers.1.mixer.experts.0.down_proj"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("backbone.layers.3.mixer.experts.7.down_proj"), QuantAlgo::kNvfp4);
  EXPECT_EQ(config.algo_of("lm_head"), QuantAlgo::kNone);
}

TEST(QuantConfigTest, AWholeModelAlgorithmCoversWhatIsNotExcluded) {
  const QuantConfig config = parsed(kWhole);
  EXPECT_FALSE(config.fp8_kv_cache);
  EXPECT_EQ(config.algo_of("backbone.layers.0.mixer.in_proj"), QuantAlgo::kNvfp4);
  EXPECT_EQ(config.algo_of("backbone.layers.4.mixer.in_proj"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("backbone.layers.5.mixer.q_proj"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("mtp.layers.0.mixer.q_proj"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("mtp.layers.01.mixer.q_proj"), QuantAlgo::kNvfp4);
}

TEST(QuantConfigTest, GatesConvolutionsAndEmbeddingsAreNeverQuantized) {
  const QuantConfig config = parsed(kWhole);
  EXPECT_EQ(config.algo_of("backbone.layers.1.mixer.gate"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("backbone.layers.0.mixer.conv1d"), QuantAlgo::kNone);
  EXPECT_EQ(config.algo_of("backbone.embeddings"), QuantAlgo::kNone);
}

TEST(QuantConfigTest, ReadsTheFormInsideConfigJson) {
  const QuantConfig config =
      parsed(R"({"quant_method":"modelopt","quant_algo":"FP8","ignore":["lm_head"],
"kv_cache_scheme":{"dynamic":false,"num_bits":8,"type":"float"},"config_groups":{}})");
  EXPECT_TRUE(config.fp8_kv_cache);
  EXPECT_EQ(config.algo_of("x.up_proj"), QuantAlgo::kFp8);
  EXPECT_EQ(config.algo_of("lm_head"), QuantAlgo::kNone);
}

TEST(QuantConfigTest, RefusesWhatItCannotRead) {
  EXPECT_THAT(problem_of(R"({"quant_algo":"INT4_AWQ"})"), HasSubstr("INT4_AWQ"));
  EXPECT_THAT(problem_of(R"({"quant_method":"gptq"})"), HasSubstr("quant_method is not modelopt"));
  EXPECT_THAT(problem_of(R"({"kv_cache_quant_algo":"NVFP4"})"), HasSubstr("must be FP8 or null"));
  EXPECT_THAT(problem_of(R"({"kv_cache_scheme":{"num_bits":4}})"), HasSubstr("8-bit"));
  EXPECT_THAT(problem_of(R"({"exclude_modules":[1]})"), HasSubstr("exclude_modules[0]"));
  EXPECT_THAT(problem_of(R"({"quantized_layers":{"a":{"quant_algo":"NVFP4","group_size":32}}})"),
              HasSubstr("group_size must be 16"));
  EXPECT_THAT(problem_of("[]"), HasSubstr("must be an object"));
}

TEST(QuantConfigTest, AMismatchNamesTheModuleAndBothFormats) {
  const QuantConfig config = parsed(kMixed);
  const std::string module = "backbone.layers.0.mixer.in_proj";
  EXPECT_TRUE(config.check_module(module, QuantFormat::kFp8).has_value());
  EXPECT_THAT(config.check_module(module, QuantFormat::kNvfp4).error().message,
              AllOf(HasSubstr(module), HasSubstr("stored as nvfp4"), HasSubstr("says FP8")));
  EXPECT_FALSE(config.check_module(module, QuantFormat::kBF16).has_value());
  EXPECT_FALSE(config.check_module("lm_head", QuantFormat::kNvfp4).has_value());
}

TEST(QuantConfigTest, HarmlessMismatchesPass) {
  EXPECT_TRUE(parsed(kWhole).check_module("backbone.layers.0.mixer.in_proj", QuantFormat::kBF16));
  EXPECT_TRUE(QuantConfig().check_module("a", QuantFormat::kNvfp4));
  EXPECT_TRUE(parsed(R"({"quant_algo":"MIXED_PRECISION"})").check_module("a", QuantFormat::kFp8));
}

TEST(QuantConfigTest, AWholeModelAlgorithmForbidsNoOtherFormat) {
  const QuantConfig nvfp4 = parsed(R"({"quant_algo":"NVFP4","exclude_modules":["lm_head"]})");
  const std::string module = "backbone.layers.0.mixer.in_proj";
  EXPECT_TRUE(nvfp4.check_module(module, QuantFormat::kFp8).has_value());
  EXPECT_TRUE(nvfp4.check_module(module, QuantFormat::kNvfp4).has_value());
  EXPECT_FALSE(nvfp4.check_module("lm_head", QuantFormat::kFp8).has_value()) << "it is excluded";
  EXPECT_EQ(nvfp4.algo_of(module), QuantAlgo::kNvfp4);
}

TEST(QuantConfigTest, TheSeparateFileIsPreferred) {
  TemporaryFolder folder;
  const auto loaded = [&] { return QuantConfig::load(folder.path()).value(); };
  EXPECT_EQ(loaded().whole, QuantAlgo::kNone);
  write_file(folder.path() / "config.json",
             R"({"x":Infinity,"quantization_config":{"quant_algo":"FP8"}})");
  EXPECT_EQ(loaded().whole, QuantAlgo::kFp8);
  write_file(folder.path() / "hf_quant_config.json", R"({"quantization":{"quant_algo":"NVFP4"}})");
  EXPECT_EQ(loaded().whole, QuantAlgo::kNvfp4);
}

TEST(QuantConfigTest, ErrorsNameTheFile) {
  TemporaryFolder folder;
  write_file(folder.path() / "hf_quant_config.json", R"({"quantization":[]})");
  const auto config = QuantConfig::load(folder.path());
  ASSERT_FALSE(config.has_value());
  EXPECT_THAT(config.error().message, HasSubstr("hf_quant_config.json: quantization must be"));
}

}  // namespace
}  // namespace dak
