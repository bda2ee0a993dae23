#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/base/json.h"
#include "dakkar/bench/metered_backend.h"
#include "dakkar/bench/offline.h"
#include "dakkar/bench/op_bench.h"
#include "dakkar/bench/step_costs.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/weights/weight_set.h"

namespace dak::bench {
namespace {

using testing::DoubleNear;
using testing::Gt;

constexpr int64_t kVocab = 96;

TEST(CostTest, ExpectedExpertsIsWhatRandomChoicesTouch) {
  RandomWords random(3);
  constexpr int64_t kTrials = 2000;
  int64_t touched = 0;
  for (int64_t trial = 0; trial < kTrials; ++trial) {
    std::vector<bool> seen(16);
    for (int64_t token = 0; token < 5; ++token) {
      const int64_t first = random.below(16);
      const int64_t second = (first + 1 + random.below(15)) % 16;
      for (const int64_t expert : {first, second}) {
        touched += seen[static_cast<size_t>(expert)] ? 0 : 1;
        seen[static_cast<size_t>(expert)] = true;
      }
    }
  }
  EXPECT_THAT(static_cast<double>(touched) / kTrials, DoubleNear(expected_experts(5, 2, 16), 0.1));
  EXPECT_DOUBLE_EQ(expected_experts(1, 6, 128), 6.0);
}

TEST(CostTest, AttentionCountsEveryVisibleKeyOnce) {
  constexpr int64_t kBefore = 7;
  constexpr int64_t kQueries = 5;
  int64_t visible = 0;
  for (int64_t query = 0; query < kQueries; ++query) {
    visible += kBefore + query + 1;
  }
  const Cost cost = attention_cost({.queries = kQueries,
                                    .keys = kBefore + kQueries,
                                    .query_heads = 4,
                                    .kv_heads = 2,
                                    .head_dim = 8});
  EXPECT_DOUBLE_EQ(cost.flops, 4.0 * static_cast<double>(visible) * 4.0 * 8.0);
  EXPECT_DOUBLE_EQ(cost.bytes, 2.0 * (2.0 * 12.0 * 2.0 * 8.0 + 2.0 * 5.0 * 4.0 * 8.0));
}

TEST(CostTest, OnlyLaterChunksReadTheStateBefore) {
  const MambaDims dims = {
      .heads = 2, .head_dim = 4, .groups = 1, .state = 8, .ring = 17, .window = 3};
  const double one = ssm_prefill_cost(dims, 128).flops;
  const double through_state = 2.0 * 128.0 * 4.0 * 8.0 * 2.0;
  EXPECT_DOUBLE_EQ(ssm_prefill_cost(dims, 384).flops, 3.0 * one + 2.0 * through_state);
}

TEST(CostTest, AnF16StateIsHalfTheBytes) {
  const MambaDims wide = {.heads = 64, .head_dim = 64, .groups = 8, .state = 128};
  MambaDims narrow = wide;
  narrow.stored = DType::kF16;
  const double state = 64.0 * 64.0 * 128.0;
  EXPECT_DOUBLE_EQ(ssm_decode_cost({.dims = wide, .sequences = 2}).bytes -
                       ssm_decode_cost({.dims = narrow, .sequences = 2}).bytes,
                   2.0 * state * 2.0 * (1.0 + 1.0 / 16.0));
}

/// Ops on a metered reference backend.
class MeterTest : public testing::Test {
 protected:
  OpMeter meter_;
  MeteredBackend backend_{open_reference().value(), meter_, kVocab};
  Operands operands_{backend_};

  LinearArgs linear(int64_t n, int64_t tokens) {
    const auto weights = operands_.weights(QuantFormat::kBF16, n, 32, 1);
    return {.x = operands_.activations({tokens, 32}),
            .weight = &weights.front(),
            .out = operands_.zeros(DType::kF32, {tokens, n}),
            .tokens = operands_.count(tokens)};
  }
  void begin_step(int32_t tokens, int64_t decodes) {
    ops::begin_step(operands_.context(),
                    {.table = operands_.table({{.position = 0, .tokens = tokens}}, decodes),
                     .ids = operands_.zeros(DType::kI32, {tokens}),
                     .tokens = operands_.count(tokens)});
  }
};

TEST_F(MeterTest, StepsOfPromptsAndOfDecodingAreKeptApart) {
  begin_step(4, 0);
  ops::linear(operands_.context(), linear(16, 4));
  begin_step(1, 1);
  ops::linear(operands_.context(), linear(16, 1));
  ops::linear(operands_.context(), linear(kVocab, 1));
  const OpMeter::Totals totals = meter_.take();
  EXPECT_EQ(totals.prefill.steps, 1);
  EXPECT_EQ(totals.decode.steps, 1);
  EXPECT_DOUBLE_EQ(totals.prefill.of("linear bf16").cost.flops, 2.0 * 4 * 16 * 32);
  EXPECT_EQ(totals.decode.of("linear bf16").calls, 1);
  EXPECT_DOUBLE_EQ(totals.decode.of(kLmHead).cost.bytes, 2.0 * kVocab * 32);
  EXPECT_EQ(meter_.take().decode.steps, 0);
}

TEST_F(MeterTest, ReplaysOfACapturedStepCountWithTheirOwnSizes) {
  const LinearArgs args = linear(16, 4);
  operands_.stream().begin_capture();
  ops::linear(operands_.context(), args);
  const auto step = operands_.stream().end_capture();
  EXPECT_EQ(meter_.take().decode.of("linear bf16").calls, 0);
  const int32_t fewer = 3;
  operands_.write(const_cast<int32_t*>(args.tokens.value), &fewer, sizeof(fewer));
  operands_.stream().replay(*step);
  operands_.stream().replay(*step);
  const OpTotal total = meter_.take().decode.of("linear bf16");
  EXPECT_EQ(total.calls, 2);
  EXPECT_DOUBLE_EQ(total.cost.flops, 2.0 * (2.0 * 3 * 16 * 32));
}

TEST_F(MeterTest, AnExpertChosenTwiceIsReadOnce) {
  const auto experts = operands_.weights(QuantFormat::kNvfp4, 16, 32, 4);
  const ExpertLinearArgs args{
      .x = operands_.activations({3, 32}),
      .input = ExpertInput::kPerToken,
      .experts = experts,
      .chosen = TensorView::dense(operands_.array(std::vector<int32_t>{0, 2, 2, 0, 2, 3}),
                                  DType::kI32, {3, 2}),
      .out = operands_.zeros(DType::kF32, {6, 16}),
      .tokens = operands_.count(2)};
  const Cost cost = step_cost(args);
  EXPECT_DOUBLE_EQ(cost.bytes, 2.0 * matrix_bytes(QuantFormat::kNvfp4, 16, 32));
  EXPECT_DOUBLE_EQ(cost.flops, 4.0 * 2.0 * 16 * 32);
}

TEST(OpBenchTest, ARowIsTimedBesideItsPeaks) {
  const auto backend = open_reference().value();
  const auto probes = PeakProbes::open(1);
  ASSERT_TRUE(probes.has_value());
  const auto results = run_op_bench({.backend = backend.get(),
                                     .probes = &*probes,
                                     .filter = "add_rms_norm.nano.1",
                                     .alternations = 2,
                                     .sample_seconds = 1e-4,
                                     .done = {}});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results.front().samples.size(), 2U);
  EXPECT_THAT(results.front().seconds(), Gt(0.0));
  EXPECT_THAT(results.front().peaks().read_bytes, Gt(1e8));
  const std::string json = op_report_json({.backend = *backend, .threads = 1, .results = results});
  const auto parsed = JsonDocument::parse(json);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->root().find("rows")->as_array()->size(), 1U);
}

TEST(OpBenchTest, RowsHaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (const OpRow& row : all_op_rows()) {
    EXPECT_THAT(names, testing::Not(testing::Contains(row.name)));
    names.push_back(row.name);
  }
}

TEST(OfflineTest, ABurstGivesEveryTokenAndTheFloorsOfItsSteps) {
  const ModelConfig config = ModelConfig::load("tests/data/checkpoints/moe_bf16").value();
  const QuantConfig quant;
  const WeightSet weights = WeightSet::dummy(config, quant, 1);
  OpMeter meter;
  const MeteredBackend backend(open_reference().value(), meter, config.vocab);
  const auto engine = start_engine({.backend = &backend,
                                    .config = &config,
                                    .quant = &quant,
                                    .weights = &weights,
                                    .limits = {.max_model_len = 64, .max_num_seqs = 2},
                                    .load = {}});
  ASSERT_TRUE(engine.has_value());
  const auto probes = PeakProbes::open(1);
  ASSERT_TRUE(probes.has_value());
  const OfflineShape shape = {.batch = 2, .input_tokens = 20, .output_tokens = 9};
  const auto burst = run_burst(
      {.engine = **engine, .meter = meter, .probes = *probes, .vocab = config.vocab}, shape, 1);
  ASSERT_TRUE(burst.has_value()) << burst.error().message;
  EXPECT_THAT(burst->decode_tokens, testing::AllOf(Gt(12), testing::Le(16)));
  // Other matrices of this model have as many outputs as its vocabulary.
  EXPECT_THAT(burst->totals.prefill.of(kLmHead).calls, testing::Ge(burst->totals.prefill.steps));
  const OfflineFigures figures = figures_of(shape, *burst, 1);
  EXPECT_THAT(figures.prefill_tokens_per_second, Gt(0.0));
  EXPECT_THAT(figures.decode_step_bytes,
              Gt(2.0 * static_cast<double>(config.vocab * config.hidden)));
  EXPECT_TRUE(JsonDocument::parse(figures_json(shape, figures)).has_value());
}

}  // namespace
}  // namespace dak::bench
