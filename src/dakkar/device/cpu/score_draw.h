#pragma once

#include <span>

#include "dakkar/device/cpu/scores.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/scratch.h"

namespace dak::cpu {

/// Scores of a vocabulary, with the largest of each block.
struct BlockedScores {
  std::span<const float> scores;
  std::span<float> tops;  ///< of each `kBlockScores`
  float largest = 0.0F;   ///< NaN when a score is

  [[nodiscard]] std::span<const float> block(int64_t b) const {
    const auto begin = static_cast<size_t>(b * kBlockScores);
    return scores.subspan(begin,
                          std::min(static_cast<size_t>(kBlockScores), scores.size() - begin));
  }
  /// Whether nothing can be drawn: NaN, +infinity, or nothing above -infinity.
  [[nodiscard]] bool is_broken() const;
};

[[nodiscard]] BlockedScores block_scores(std::span<const float> scores, const ScoreKernels& kernels,
                                         Scratch& scratch);

/// A score that no more than `count` of the largest may lie below; block by block, so that it can
/// be lower than the `count`-th largest.
[[nodiscard]] float lowest_of_best(const BlockedScores& scores, int64_t count, Scratch& scratch);

/// What was drawn, and how close the decision was.
struct ScoreDraw {
  int64_t id = 0;
  float edge = 0.0F;
};

/// The largest score, ties to the lower id.
[[nodiscard]] ScoreDraw draw_largest(const BlockedScores& scores);

/// How a token is drawn.
struct ShareRule {
  const SamplingRow& row;
  double uniform = 0.0;  ///< in [0, 1)
};

/// As `ops::sample` says.
[[nodiscard]] ScoreDraw draw_share(const BlockedScores& scores, const ShareRule& rule,
                                   const ScoreKernels& kernels, Scratch& scratch);

}  // namespace dak::cpu
