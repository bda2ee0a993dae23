#pragma once

#include <cstdint>

/// Passes over the scores of a vocabulary, in blocks. Plain types only, as in panels.h.
namespace dak::cpu {

/// Scores of a block: few enough to search one by one, enough to skip most of a vocabulary.
inline constexpr int64_t kBlockScores = 1024;

/// Shares of a block, not normalised: exp((score - largest) / temperature).
struct BlockShares {
  const float* scores = nullptr;
  int64_t count = 0;
  float largest = 0.0F;
  float inverse_temperature = 1.0F;
  float* to = nullptr;  ///< [count]; null when only the sum counts
};

/// The kernels of one instruction set.
struct ScoreKernels {
  /// The largest of `count` scores; a NaN if there is one among them.
  float (*largest)(const float* scores, int64_t count) = nullptr;
  /// Computes shares; gives their sum.
  float (*shares)(const BlockShares& block) = nullptr;
  /// Sum of the values that are at least `least`.
  float (*sum_from)(const float* values, int64_t count, float least) = nullptr;
};

extern const ScoreKernels kScoresAvx2;
extern const ScoreKernels kScoresAvx512;

}  // namespace dak::cpu
