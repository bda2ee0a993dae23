#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak::testing {
namespace {

constexpr int64_t kVocabulary = 50;

SequenceTable small_table(CaseRun& run) {
  return run.table({{.slot = 1, .position = 0, .tokens = 4},
                    {.slot = 0, .position = 9, .tokens = 1},
                    {.slot = 2, .position = 3, .tokens = 2}},
                   0, 2);
}

std::vector<SamplingRow> small_rows() {
  std::vector<SamplingRow> rows(3);
  rows[0].temperature = 0.7F;
  rows[0].top_p = 0.9F;
  rows[0].min_p = 0.02F;
  rows[0].seed = 11;
  rows[0].prompt_tokens = 3;
  rows[0].repetition_penalty = 1.3F;
  rows[0].uses_history = 1;
  rows[1].temperature = 0.0F;
  rows[1].bias_begin = 0;
  rows[1].bias_end = 2;
  rows[1].top_logprobs = 5;
  rows[2].top_k = 4;
  rows[2].presence_penalty = 0.4F;
  rows[2].frequency_penalty = 0.2F;
  rows[2].prompt_tokens = 4;
  rows[2].min_tokens = 20;
  rows[2].stop_begin = 0;
  rows[2].stop_end = 1;
  rows[2].uses_history = 1;
  return rows;
}

void history_case(CaseRun& run) {
  OpRig& rig = run.rig();
  const HistoryArgs args{.ids = rig.ints({4, 9, 4, 4, 30, 7, 49}),
                         .history = rig.zeros(DType::kI32, {3, kVocabulary}),
                         .rows = rig.array(small_rows()),
                         .table = small_table(run),
                         .tokens = run.count(7, 5)};
  run.compare("history", args.history, 0.0);
  run.set_body([&run, args] { ops::record_history(run.context(), args); });
}

void sample_case(CaseRun& run) {
  OpRig& rig = run.rig();
  std::vector<int32_t> history(3 * kVocabulary, 0);
  history[kVocabulary + 3] = 2;
  history[2 * kVocabulary + 8] = 1;
  const SequenceTable table = small_table(run);
  const SampleArgs args{.logits = rig.randoms(DType::kF32, {3, kVocabulary}, {.scale = 2.0F}),
                        .history = rig.ints(history).reshaped({3, kVocabulary}),
                        .sequence = rig.array(std::vector<int32_t>{1, 0, 2}),
                        .rows = rig.array(small_rows()),
                        .bias_ids = rig.array(std::vector<int32_t>{5, 6}),
                        .bias_values = rig.array(std::vector<float>{-3.0F, 2.0F}),
                        .stop_ids = rig.array(std::vector<int32_t>{2}),
                        .out = rig.array(std::vector<SampledToken>(3)),
                        .table = table,
                        .count = run.count(3, 2)};
  // Both are differences of numbers that may be a thousand times larger: a logit and the log of a
  // sum, two sums of probabilities. Each of those is right to a few units of f32's last place.
  constexpr double kTolerance = 1e-3;
  for (int64_t s = 0; s < 3; ++s) {
    auto* token = args.out + s;
    run.compare_bytes("id and count", token, 8);
    run.compare("probabilities", TensorView::dense(&token->logprob, DType::kF32, {2}), kTolerance);
  }
  run.compare_bytes("headers", table.headers, 3 * sizeof(SlotHeader));
  run.set_body([&run, args] { ops::sample(run.context(), args); });
}

}  // namespace

void add_sampling_cases(std::vector<OpCase>& cases) {
  cases.push_back({"record_history", history_case});
  cases.push_back({"sample", sample_case});
}

}  // namespace dak::testing
