#pragma once

#include <cmath>
#include <span>

namespace dak::reference {

/// Scales `row` to unit root-mean-square, then multiplies by `weight`; sums in sequence, in f32.
inline void normalise(std::span<float> row, const float* weight, float eps) {
  float sum = 0.0F;
  for (const float value : row) {
    sum += value * value;
  }
  const float scale = 1.0F / std::sqrt(sum / static_cast<float>(row.size()) + eps);
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = weight[i] * (row[i] * scale);
  }
}

}  // namespace dak::reference
