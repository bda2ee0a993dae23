#pragma once

#include <span>
#include <vector>

#include "dakkar/device/ops_sampling.h"

namespace dak::reference {

/// What one row of `ops::sample` is drawn from.
struct SampleRow {
  std::span<const float> logits;     ///< [V], as given
  std::span<const int32_t> history;  ///< [V]
  const SamplingRow& sampling;
  const SampleArgs& args;
  int64_t position = 0;  ///< absolute position of the token drawn
};

/// True when the logits hold NaN or +infinity, or nothing above -infinity: no distribution.
[[nodiscard]] bool is_broken(std::span<const float> logits);

/// Logits after penalties, biases and barred stop ids.
[[nodiscard]] std::vector<float> adjusted_scores(const SampleRow& row);

/// What was drawn, and how close the decision was.
struct Draw {
  int64_t id = 0;
  float edge = 0.0F;
};

/// The largest score, ties to the lower id.
[[nodiscard]] Draw draw_greedy(std::span<const float> scores);

/// Temperature, top-k (ties to the lower ids), top-p (the smallest set of the likeliest tokens that
/// holds that share of what top-k left), min-p (relative to the likeliest); then the inverse of the
/// cumulative distribution in id order, so that near-equal scores never trade places.
[[nodiscard]] Draw draw_random(std::span<const float> scores, const SampleRow& row);

/// Fills in the log-probabilities of `out.id` and of the best tokens.
void report_logprobs(const SampleRow& row, SampledToken& out);

}  // namespace dak::reference
