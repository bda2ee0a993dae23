#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;
using testing::OpRig;

/// Several blocks and a tail.
constexpr int64_t kVocabulary = 4 * 1024 + 77;
constexpr int64_t kRows = 6;
/// Shares in f32 move the borders between tokens by as much.
constexpr double kNear = 2e-6;

class CpuSampleTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
    backend_ = cpu::open_with(GetParam());
  }

  /// Rows that differ in their seeds, drawn on one backend from logits of that spread.
  std::vector<SampledToken> draw(const Backend& backend, const SamplingRow& row, float spread) {
    OpRig rig(backend, seed_);
    std::vector<SamplingRow> rows(kRows, row);
    std::vector<testing::StepSequence> step;
    std::vector<int32_t> sequence;
    for (int32_t b = 0; b < kRows; ++b) {
      rows[static_cast<size_t>(b)].seed = seed_ + static_cast<uint64_t>(b);
      step.push_back({.slot = b, .position = 5, .tokens = 1});
      sequence.push_back(b);
    }
    std::vector<int32_t> history(static_cast<size_t>(kRows * kVocabulary), 0);
    for (size_t i = 0; i < history.size(); i += 7) {
      history[i] = i % 2 == 0 ? std::numeric_limits<int32_t>::min() : static_cast<int32_t>(i % 5);
    }
    const SampleArgs args{
        .logits = rig.randoms(DType::kF32, {kRows, kVocabulary}, {.scale = spread}),
        .history = rig.ints(history).reshaped({kRows, kVocabulary}),
        .sequence = rig.array(sequence),
        .rows = rig.array(rows),
        .bias_ids = rig.array(std::vector<int32_t>{3000, 17}),
        .bias_values = rig.array(std::vector<float>{4.0F, -2.0F}),
        .stop_ids = rig.array(std::vector<int32_t>{3000}),
        .out = rig.array(std::vector<SampledToken>(kRows)),
        .table = rig.table(step, kRows, rig.headers(kRows)),
        .count = rig.count(kRows)};
    ops::sample(rig.context(), args);
    return rig.read_array(args.out, kRows);
  }

  void expect_reference_draws(const SamplingRow& row, float spread) {
    const std::vector<SampledToken> ours = draw(*backend_, row, spread);
    const std::vector<SampledToken> theirs = draw(*open_reference().value(), row, spread);
    for (size_t i = 0; i < ours.size(); ++i) {
      if (ours[i].id != theirs[i].id) {
        EXPECT_LT(theirs[i].edge, kNear) << i;
        continue;
      }
      EXPECT_NEAR(ours[i].edge, theirs[i].edge, kNear) << i;
      EXPECT_NEAR(ours[i].logprob, theirs[i].logprob, 1e-5) << i;
      ASSERT_EQ(ours[i].top_count, theirs[i].top_count) << i;
      for (int32_t j = 0; j < ours[i].top_count; ++j) {
        EXPECT_EQ(ours[i].top_ids[j], theirs[i].top_ids[j]) << i;
        EXPECT_NEAR(ours[i].top_logprobs[j], theirs[i].top_logprobs[j], 1e-5) << i;
      }
    }
  }

  std::unique_ptr<Backend> backend_;
  uint64_t seed_ = testing::fresh_seed();
};

TEST_P(CpuSampleTest, DrawsAreTheReferencesWhateverFiltersAreOn) {
  for (const float spread : {0.01F, 4.0F}) {
    for (const int32_t top_k : {0, 3, 40, 3000}) {
      for (const float top_p : {0.05F, 0.95F, 1.0F}) {
        for (const float min_p : {0.0F, 0.1F}) {
          SamplingRow row;
          row.temperature = 0.8F;
          row.top_k = top_k;
          row.top_p = top_p;
          row.min_p = min_p;
          SCOPED_TRACE(::testing::Message()
                       << spread << " k " << top_k << " p " << top_p << " min " << min_p);
          expect_reference_draws(row, spread);
        }
      }
    }
  }
}

TEST_P(CpuSampleTest, GreedyChoicesAndReportsAreTheReferences) {
  SamplingRow row;
  row.temperature = 0.0F;
  row.top_logprobs = 20;
  expect_reference_draws(row, 1.0F);
  row.bias_end = 2;
  row.min_tokens = 100;
  row.stop_end = 1;
  row.uses_history = 1;
  row.repetition_penalty = 1.4F;
  row.presence_penalty = 0.3F;
  row.frequency_penalty = 0.2F;
  expect_reference_draws(row, 1.0F);
  row.temperature = 1.3F;
  expect_reference_draws(row, 1.0F);
}

TEST_P(CpuSampleTest, ALogitThatIsNoNumberFailsItsSlotAlone) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    OpRig rig(*backend_, seed_);
    std::vector<float> logits(2 * kVocabulary, 0.5F);
    logits[2 * kVocabulary - 1] = bad;
    const SequenceTable table =
        rig.table({{.slot = 0, .position = 5}, {.slot = 1, .position = 5}}, 2, rig.headers(2));
    const SampleArgs args{.logits = rig.tensor(DType::kF32, {2, kVocabulary}, logits),
                          .history = rig.zeros(DType::kI32, {2, kVocabulary}),
                          .sequence = rig.array(std::vector<int32_t>{0, 1}),
                          .rows = rig.array(std::vector<SamplingRow>(2)),
                          .bias_ids = nullptr,
                          .bias_values = nullptr,
                          .stop_ids = nullptr,
                          .out = rig.array(std::vector<SampledToken>(2)),
                          .table = table,
                          .count = rig.count(2)};
    ops::sample(rig.context(), args);
    const std::vector<SlotHeader> headers = rig.read_array(table.headers, 2);
    EXPECT_EQ(headers[0].failed, 0);
    EXPECT_NE(headers[1].failed, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuSampleTest,
                         ::testing::Values(InstructionSet::kAvx2, InstructionSet::kAvx512),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

}  // namespace
}  // namespace dak
