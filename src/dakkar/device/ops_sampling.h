#pragma once

#include <cstdint>

#include "dakkar/device/device_count.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Most alternatives reported per token.
inline constexpr int64_t kMaxTopLogprobs = 20;

/// How one sequence's next token is drawn; device memory, one per sequence of the step.
/// Lists live in shared arrays (`SampleArgs`): `[begin, end)` index ranges.
struct SamplingRow {
  float temperature = 1.0F;  ///< below 1e-5: the largest logit wins, ties to the lower id
  float top_p = 1.0F;
  float min_p = 0.0F;
  int32_t top_k = 0;  ///< 0: off
  float repetition_penalty = 1.0F;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  uint64_t seed = 0;
  int32_t prompt_tokens = 0;  ///< length of the prompt; later positions are output
  int32_t bias_begin = 0;     ///< logit biases: `bias_ids`, `bias_values`
  int32_t bias_end = 0;
  int32_t min_tokens = 0;  ///< `stop_ids` may not be drawn while fewer were output
  int32_t stop_begin = 0;
  int32_t stop_end = 0;
  int32_t top_logprobs = -1;  ///< -1: no log-probabilities wanted
  int32_t uses_history = 0;   ///< non-zero when a penalty is on
};

/// One drawn token; device memory, one per sampled row.
struct SampledToken {
  int32_t id = 0;
  int32_t top_count = 0;
  float logprob = 0.0F;  ///< of `id`, in the raw distribution
  float edge = 0.0F;     ///< greedy: gap of the two best scores; else distance of the draw to the
                         ///< nearest edge of its interval of the cumulative distribution
  int32_t top_ids[kMaxTopLogprobs] = {};
  float top_logprobs[kMaxTopLogprobs] = {};
};

/// Arguments of `ops::record_history`.
struct HistoryArgs {
  TensorView ids;      ///< i32 [T]
  TensorView history;  ///< i32 [slots, V]: bit 31 = seen in the prompt, bits 0..30 = times output
  const SamplingRow* rows = nullptr;  ///< [B]
  SequenceTable table;
  DeviceCount tokens;
};

/// Arguments of `ops::sample`.
struct SampleArgs {
  TensorView logits;                  ///< f32 [S, V], scratch afterwards
  TensorView history;                 ///< i32 [slots, V]
  const int32_t* sequence = nullptr;  ///< [S] index into the table, one row per sampled sequence
  const SamplingRow* rows = nullptr;  ///< [B]
  const int32_t* bias_ids = nullptr;
  const float* bias_values = nullptr;
  const int32_t* stop_ids = nullptr;
  SampledToken* out = nullptr;  ///< [S]
  SequenceTable table;          ///< positions after the step are position + its new tokens
  DeviceCount count;            ///< S
};

namespace ops {

/// Notes the step's input tokens for the penalties of sequences that use them; a sequence at
/// position 0 starts with an empty history.
void record_history(Context& ctx, const HistoryArgs& args);

/// Draws one token per row: penalties (repetition over prompt and output; presence and frequency
/// over output), biases, stop ids barred below min_tokens, temperature, then top-k (ties to the
/// lower ids), top-p (the smallest set of the likeliest that holds that share of what is left) and
/// min-p (relative to the likeliest). The uniform number depends on (seed, position of the new
/// token) alone and picks from the cumulative distribution in id order. Writes the token to `out`
/// and to the slot's `last_token`. Log-probabilities are of the logits as given. Logits with NaN,
/// +infinity or nothing above -infinity mark the slot failed and give id 0.
void sample(Context& ctx, const SampleArgs& args);

}  // namespace ops
}  // namespace dak
