#include "dakkar/weights/weight_set.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/checkpoint_writer.h"
#include "dakkar/weights/dummy_weights.h"
#include "dakkar/weights/tiny_config.h"

namespace dak {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr uint64_t kSeed = 5;
const std::string kExperts = "backbone.layers.1.mixer.experts";

QuantConfig release_like() {
  QuantConfig quant;
  quant.mixed = true;
  quant.fp8_kv_cache = true;
  quant.modules = {{"backbone.layers.0.mixer.in_proj", QuantAlgo::kFp8},
                   {"backbone.layers.0.mixer.out_proj", QuantAlgo::kFp8},
                   {"backbone.layers.1.mixer.experts", QuantAlgo::kNvfp4},
                   {"lm_head", QuantAlgo::kNvfp4Weight}};
  return quant;
}

std::map<std::string, WrittenTensor> written(const QuantConfig& quant) {
  std::map<std::string, WrittenTensor> tensors;
  const DummyPlan plan = plan_dummy(tiny_config(), quant);
  const DummyMaker maker(kSeed);
  for (const auto& [name, stored] : plan.tensors) {
    const Buffer bytes = maker.make(name, stored, plan.recipes.at(name));
    tensors[name] = {
        std::string(safetensors_dtype(stored.dtype)),
        stored.shape,
        {reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(bytes.size())}};
  }
  return tensors;
}

std::string float_bytes(float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return bytes;
}

std::string bytes_of(const TensorView& view) {
  return view.present() ? std::string(reinterpret_cast<const char*>(view.data),
                                      static_cast<size_t>(view.bytes()))
                        : "";
}

class WeightSetTest : public testing::Test {
 protected:
  Result<WeightSet> open() {
    write_file(folder_.path() / "model.safetensors", safetensors_file(tensors_));
    return WeightSet::open(folder_.path(), tiny_config());
  }
  std::string problem() {
    const auto set = open();
    return set ? "accepted" : set.error().message;
  }
  void rename(const std::string& from, const std::string& to) {
    auto node = tensors_.extract(from);
    node.key() = to;
    tensors_.insert(std::move(node));
  }
  void rename_prefix(const std::string& from, const std::string& to) {
    std::map<std::string, WrittenTensor> renamed;
    for (auto& [name, tensor] : tensors_) {
      const bool match = name.starts_with(from);
      renamed[match ? to + name.substr(from.size()) : name] = std::move(tensor);
    }
    tensors_ = std::move(renamed);
  }

  TemporaryFolder folder_;
  std::map<std::string, WrittenTensor> tensors_ = written(release_like());
};

TEST_F(WeightSetTest, ReadsBackWhatWasWrittenInEveryFormat) {
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  const WeightSet made = WeightSet::dummy(tiny_config(), release_like(), kSeed);
  EXPECT_EQ(set->tensor_count(), made.tensor_count());
  EXPECT_EQ(set->total_bytes(), made.total_bytes());
  for (const TensorSpec& spec : tensor_table(tiny_config())) {
    if (spec.role == TensorRole::kVector) {
      EXPECT_EQ(set->vector(spec.name).value(), made.vector(spec.name).value());
      continue;
    }
    const auto read = set->find_linear(spec.module());
    const auto expected = made.find_linear(spec.module());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->format, expected->format) << spec.name;
    EXPECT_EQ(read->rows, spec.shape[0]);
    EXPECT_EQ(read->columns, spec.shape[1]);
    EXPECT_EQ(bytes_of(read->values), bytes_of(expected->values)) << spec.name;
    EXPECT_EQ(bytes_of(read->block_scales), bytes_of(expected->block_scales)) << spec.name;
    EXPECT_EQ(read->scale, expected->scale);
    EXPECT_EQ(read->input_scale, expected->input_scale);
  }
}

TEST_F(WeightSetTest, FormatsComeFromDtypeAndScales) {
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->find_linear("backbone.layers.0.mixer.in_proj")->format, QuantFormat::kFp8);
  EXPECT_EQ(set->find_linear(kExperts + ".2.up_proj")->format, QuantFormat::kNvfp4);
  EXPECT_EQ(set->find_linear("backbone.layers.2.mixer.q_proj")->format, QuantFormat::kBF16);
  EXPECT_TRUE(set->find_linear("backbone.layers.0.mixer.in_proj")->input_scale.has_value());
  EXPECT_FALSE(set->find_linear("lm_head")->input_scale.has_value());
  EXPECT_EQ(set->find_linear("backbone.layers.9.mixer.in_proj").error().code, ErrorCode::kNotFound);
}

TEST_F(WeightSetTest, ScalarsMayHaveOneDimensionOrNone) {
  tensors_["backbone.layers.0.mixer.in_proj.weight_scale"].shape = {1};
  tensors_[kExperts + ".0.up_proj.weight_scale_2"].shape = {1, 1};
  EXPECT_EQ(problem(), "accepted");
  tensors_["backbone.layers.0.mixer.in_proj.weight_scale"] = {"F32", {2}, std::string(8, '\1')};
  EXPECT_THAT(problem(), HasSubstr("only one f32 value for a whole matrix"));
}

TEST_F(WeightSetTest, KvScalesDefaultToOne) {
  tensors_["backbone.layers.2.mixer.v_proj.v_scale"].bytes = float_bytes(0.5F);
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->kv_scale("backbone.layers.2.mixer.v_proj"), 0.5F);
  EXPECT_EQ(set->kv_scale("mtp.layers.0.mixer.k_proj"), 1.0F);
}

TEST_F(WeightSetTest, NamesOfOtherToolsAreUnderstood) {
  rename("backbone.embeddings.weight", "backbone.embed_tokens.weight");
  rename_prefix("backbone.", "model.");
  EXPECT_EQ(problem(), "accepted");
  tensors_["backbone.embeddings.weight"] = tensors_["model.embed_tokens.weight"];
  EXPECT_THAT(problem(), HasSubstr("\"backbone.embeddings.weight\" is there under two names"));
}

TEST_F(WeightSetTest, FusedExpertsAreTakenApart) {
  tensors_ = written(QuantConfig());
  for (const std::string projection : {"up_proj", "down_proj"}) {
    WrittenTensor fused = tensors_[kExperts + ".0." + projection + ".weight"];
    fused.shape.insert(fused.shape.begin(), 3);
    fused.bytes.clear();
    for (const std::string expert : {"0", "1", "2"}) {
      fused.bytes +=
          tensors_.extract(kExperts + "." + expert + "." + projection + ".weight").mapped().bytes;
    }
    tensors_[kExperts + "." + projection] = fused;
  }
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  const WeightSet made = WeightSet::dummy(tiny_config(), QuantConfig(), kSeed);
  EXPECT_EQ(bytes_of(set->find_linear(kExperts + ".2.down_proj")->values),
            bytes_of(made.find_linear(kExperts + ".2.down_proj")->values));
  tensors_[kExperts + ".up_proj"].shape = {6, 24, 32};
  EXPECT_THAT(problem(), HasSubstr("the model has 3 experts"));
}

TEST_F(WeightSetTest, MissingTensorsAreNamed) {
  tensors_.erase("backbone.layers.0.mixer.A_log");
  tensors_.erase("backbone.norm_f.weight");
  EXPECT_THAT(problem(), AllOf(HasSubstr("lacks 2 tensors"), HasSubstr("backbone.norm_f.weight"),
                               HasSubstr("backbone.layers.0.mixer.A_log")));
}

TEST_F(WeightSetTest, UnknownTensorsAreNamedAndLeftoversPassedOver) {
  tensors_["backbone.layers.2.mixer.rotary_emb.inv_freq"] = {"F32", {1}, float_bytes(1)};
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_EQ(set->ignored().size(), 1U);
  tensors_["backbone.layers.2.mixer.q_proj.bias"] = {"F32", {1}, float_bytes(1)};
  EXPECT_THAT(problem(), HasSubstr("does not know: \"backbone.layers.2.mixer.q_proj.bias\""));
}

TEST_F(WeightSetTest, WrongShapesAreShownBesideTheRightOnes) {
  tensors_["backbone.norm_f.weight"] = {"BF16", {32}, std::string(64, '\0')};
  EXPECT_THAT(problem(), AllOf(HasSubstr("model.safetensors"), HasSubstr("backbone.norm_f.weight"),
                               HasSubstr("[32] of bf16"), HasSubstr("asks for [64]")));
}

TEST_F(WeightSetTest, TransposedAndMispackedMatricesAreRefused) {
  tensors_["backbone.layers.3.mixer.up_proj.weight"].shape = {64, 96};
  EXPECT_THAT(problem(), HasSubstr("has shape [64, 96] of bf16, but the config asks for [96, 64]"));
  tensors_["backbone.layers.3.mixer.up_proj.weight"].shape = {96, 64};
  tensors_[kExperts + ".0.up_proj.weight_scale"].shape = {2, 48};
  EXPECT_THAT(problem(), HasSubstr("asks for [48, 2]"));
}

TEST_F(WeightSetTest, QuantizedTensorsNeedTheirScales) {
  tensors_.erase("backbone.layers.0.mixer.in_proj.weight_scale");
  EXPECT_THAT(problem(), HasSubstr("in_proj.weight_scale is missing"));
  tensors_ = written(release_like());
  tensors_.erase(kExperts + ".1.up_proj.weight_scale_2");
  EXPECT_THAT(problem(), HasSubstr("experts.1.up_proj.weight_scale_2 is missing"));
}

TEST_F(WeightSetTest, ScalesMustBeFinite) {
  tensors_["backbone.layers.0.mixer.in_proj.weight_scale"].bytes =
      float_bytes(std::numeric_limits<float>::quiet_NaN());
  tensors_["backbone.layers.0.mixer.out_proj.input_scale"].bytes = float_bytes(0.0F);
  tensors_[kExperts + ".0.up_proj.weight_scale"].bytes[5] = '\x7f';
  tensors_["backbone.layers.0.mixer.D"].bytes.replace(0, 2, "\x80\x7f");
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_THAT(set->find_linear("backbone.layers.0.mixer.in_proj").error().message,
              HasSubstr("in_proj.weight_scale is nan"));
  EXPECT_THAT(set->find_linear("backbone.layers.0.mixer.out_proj").error().message,
              HasSubstr("input_scale is 0"));
  EXPECT_THAT(set->find_linear(kExperts + ".0.up_proj").error().message,
              HasSubstr("up_proj.weight_scale holds a value that is not finite"));
  EXPECT_THAT(set->vector("backbone.layers.0.mixer.D").error().message, HasSubstr("not finite"));
}

TEST_F(WeightSetTest, FormatsMustBeThoseTheCheckpointAnnounces) {
  write_file(folder_.path() / "hf_quant_config.json",
             R"({"quantization":{"quant_algo":"MIXED_PRECISION","quantized_layers":{
"backbone.layers.0.mixer.in_proj":{"quant_algo":"NVFP4"}}}})");
  EXPECT_THAT(problem(),
              HasSubstr("in_proj is stored as fp8, but the quantization config says NVFP4"));
}

TEST_F(WeightSetTest, AQuantizedGateIsRefused) {
  tensors_["backbone.layers.1.mixer.gate.weight"] = {"F8_E4M3", {3, 64}, std::string(192, '\1')};
  tensors_["backbone.layers.1.mixer.gate.weight_scale"] = {"F32", {}, float_bytes(1)};
  EXPECT_THAT(problem(), HasSubstr("gate.weight is quantized"));
}

TEST_F(WeightSetTest, AFileWithoutTheMtpHeadStillServesTheModel) {
  EXPECT_TRUE(open()->has_mtp());
  std::erase_if(tensors_, [](const auto& item) { return item.first.starts_with("mtp."); });
  const auto set = open();
  ASSERT_TRUE(set.has_value()) << set.error().message;
  EXPECT_FALSE(set->has_mtp());
  tensors_["mtp.layers.0.enorm.weight"] = {"BF16", {64}, std::string(128, '\0')};
  EXPECT_THAT(problem(), HasSubstr("mtp.layers.0.eh_proj.weight"));
}

TEST_F(WeightSetTest, ProgressReachesTheTotal) {
  write_file(folder_.path() / "model.safetensors", safetensors_file(tensors_));
  int64_t last = 0;
  int64_t total = 0;
  const auto set = WeightSet::open(folder_.path(), tiny_config(), [&](int64_t done, int64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  });
  for (const TensorSpec& spec : tensor_table(tiny_config())) {
    for (int times = 0; times < 2; ++times) {
      if (spec.role == TensorRole::kLinear) {
        ASSERT_TRUE(set->find_linear(spec.module()).has_value());
        ASSERT_TRUE(set->kv_scale(spec.module()).has_value());
      } else {
        ASSERT_TRUE(set->vector(spec.name).has_value());
      }
    }
  }
  EXPECT_EQ(last, total);
  EXPECT_EQ(total, set->total_bytes());
}

TEST(DummyWeightsTest, ValuesDependOnSeedAndNameOnly) {
  const WeightSet a = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  const WeightSet b = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  const WeightSet c = WeightSet::dummy(tiny_config(), QuantConfig(), 2);
  const std::string k = "backbone.layers.2.mixer.k_proj";
  const std::string v = "backbone.layers.2.mixer.v_proj";
  ASSERT_TRUE(b.find_linear(v).has_value());
  EXPECT_EQ(bytes_of(a.find_linear(k)->values), bytes_of(b.find_linear(k)->values));
  EXPECT_NE(bytes_of(a.find_linear(k)->values), bytes_of(c.find_linear(k)->values));
  EXPECT_NE(bytes_of(a.find_linear(k)->values), bytes_of(a.find_linear(v)->values));
}

TEST(DummyWeightsTest, AReleasedTensorComesBackTheSame) {
  const WeightSet set = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  const std::string before = bytes_of(set.find_linear("lm_head")->values);
  set.release("lm_head");
  ASSERT_TRUE(set.find_linear("backbone.embeddings").has_value());  // of the same size
  set.release("backbone.embeddings");
  EXPECT_EQ(bytes_of(set.find_linear("lm_head")->values), before);
}

TEST(DummyWeightsTest, ATensorStaysWhileAnyCallerUsesIt) {
  const WeightSet set = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  const Result<QuantView> first = set.find_linear("lm_head");
  const Result<QuantView> second = set.find_linear("lm_head");
  EXPECT_EQ(first->values.data, second->values.data);
  const std::string before = bytes_of(first->values);
  set.release("lm_head");
  ASSERT_TRUE(set.find_linear("backbone.embeddings").has_value());
  EXPECT_EQ(bytes_of(second->values), before);
}

/// Root mean square of a matrix, dequantized.
double rms_of(const QuantView& view) {
  double sum = 0.0;
  for (int64_t n = 0; n < view.rows; ++n) {
    for (int64_t k = 0; k < view.columns; ++k) {
      double value = 0.0;
      if (view.format == QuantFormat::kNvfp4) {
        const auto byte = static_cast<uint8_t>(view.values.data[(n * view.columns + k) / 2]);
        const float block = to_float(view.block_scales.as<F8E4M3>()[(n * view.columns + k) / 16]);
        value = e2m1_value(k % 2 == 0 ? byte & 15U : byte >> 4U) * block;
      } else if (view.format == QuantFormat::kFp8) {
        value = to_float(view.values.as<F8E4M3>()[n * view.columns + k]);
      } else {
        value = to_float(view.values.as<BF16>()[n * view.columns + k]);
      }
      sum += value * view.scale * value * view.scale;
    }
  }
  return std::sqrt(sum / static_cast<double>(view.rows * view.columns));
}

TEST(DummyWeightsTest, LinearsKeepTheScaleOfTheirInputInEveryFormat) {
  const WeightSet set = WeightSet::dummy(tiny_config(), release_like(), 1);
  for (const std::string_view module :
       {"backbone.layers.0.mixer.in_proj", "lm_head", "backbone.layers.3.mixer.up_proj"}) {
    const QuantView view = set.find_linear(module).value();
    EXPECT_NEAR(rms_of(view) * std::sqrt(static_cast<double>(view.columns)), 1.0, 0.1) << module;
  }
}

TEST(DummyWeightsTest, StateParametersAreInTheRangesOfTrainedModels) {
  const WeightSet set = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  const std::vector<float> a_log = set.vector("backbone.layers.0.mixer.A_log").value();
  EXPECT_THAT(a_log, testing::Each(AllOf(testing::Ge(0.0F), testing::Le(2.8F))));
  const std::vector<float> dt_bias = set.vector("backbone.layers.0.mixer.dt_bias").value();
  for (const float bias : dt_bias) {
    const double dt = std::log1p(std::exp(static_cast<double>(bias)));
    EXPECT_GE(dt, 0.00098);
    EXPECT_LE(dt, 0.102);
  }
  EXPECT_THAT(set.vector("backbone.norm_f.weight").value(), testing::Each(1.0F));
}

TEST(DummyWeightsTest, ManyThreadsMakeATensorOnce) {
  const WeightSet set = WeightSet::dummy(tiny_config(), QuantConfig(), 1);
  std::vector<const std::byte*> seen(4);
  std::vector<std::thread> threads;
  for (auto& address : seen) {
    threads.emplace_back([&set, &address] { address = set.find_linear("lm_head")->values.data; });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(seen, testing::Each(seen[0]));
}

}  // namespace
}  // namespace dak
