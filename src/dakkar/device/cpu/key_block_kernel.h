#pragma once

#include <limits>

#include "dakkar/device/cpu/key_block.h"
#include "dakkar/device/cpu/lane_math.h"

/// The bodies of `KeyBlockKernels` over the vectors of one instruction set, which `V` names; only
/// that set's file instantiates them.
namespace dak::cpu {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
/// Scores of `kRows` queries from `row` on with the keys of `kVectors` vectors from `key` on.
template <typename V, int kRows, int kVectors>
void score_keys(const KeyBlock& block, int64_t row, int64_t key) {
  typename V::Register sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      sum[r][i] = V::broadcast(0.0F);
    }
  }
  const float* queries = block.queries + row * block.width;
  for (int64_t d = 0; d < block.width; ++d) {
    const float* keys = block.keys + d * kBlockKeys + key;
    typename V::Register part[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      part[i] = V::load(keys + i * V::kLanes);
    }
    for (int r = 0; r < kRows; ++r) {
      const typename V::Register query = V::broadcast(queries[r * block.width + d]);
      for (int i = 0; i < kVectors; ++i) {
        sum[r][i] = V::multiply_add(query, part[i], sum[r][i]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      V::store(block.scores + (row + r) * kBlockKeys + key + i * V::kLanes, sum[r][i]);
    }
  }
}

/// Turns the scores of a row into weights; brings what the row holds to the new largest score.
template <typename V>
void weigh(const KeyBlock& block, int64_t row) {
  float* scores = block.scores + row * kBlockKeys;
  for (int64_t key = block.visible; key < kBlockKeys; ++key) {
    scores[key] = kMinusInfinity;
  }
  typename V::Register largest = V::broadcast(block.largest[row]);
  for (int64_t key = 0; key < kBlockKeys; key += V::kLanes) {
    largest = V::larger(V::load(scores + key), largest);
  }
  float lanes[V::kLanes];
  V::store(lanes, largest);
  float top = lanes[0];
  for (const float lane : lanes) {
    top = lane > top ? lane : top;
  }
  const float below = block.largest[row] - top;
  V::store(lanes, exp_of<V>(V::broadcast(below)));
  const float kept = lanes[0];
  typename V::Register sum = V::broadcast(0.0F);
  for (int64_t key = 0; key < kBlockKeys; key += V::kLanes) {
    const typename V::Register weight =
        exp_of<V>(V::add(V::load(scores + key), V::broadcast(-top)));
    V::store(scores + key, weight);
    sum = V::add(sum, weight);
  }
  block.largest[row] = top;
  block.sums[row] = block.sums[row] * kept + V::sum(sum);
  float* mixed = block.mixed + row * block.width;
  for (int64_t d = 0; kept != 1.0F && d < block.width; d += V::kLanes) {
    V::store(mixed + d, V::multiply(V::load(mixed + d), V::broadcast(kept)));
  }
}

/// Adds the weighted values of `kVectors` vectors from `d` on to `kRows` rows.
template <typename V, int kRows, int kVectors>
void mix_values(const KeyBlock& block, int64_t row, int64_t d) {
  typename V::Register sum[kRows][kVectors];
  float* mixed = block.mixed + row * block.width + d;
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      sum[r][i] = V::load(mixed + r * block.width + i * V::kLanes);
    }
  }
  const float* weights = block.scores + row * kBlockKeys;
  for (int64_t key = 0; key < block.visible; ++key) {
    const float* values = block.values + key * block.width + d;
    typename V::Register part[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      part[i] = V::load(values + i * V::kLanes);
    }
    for (int r = 0; r < kRows; ++r) {
      const typename V::Register weight = V::broadcast(weights[r * kBlockKeys + key]);
      for (int i = 0; i < kVectors; ++i) {
        sum[r][i] = V::multiply_add(weight, part[i], sum[r][i]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      V::store(mixed + r * block.width + i * V::kLanes, sum[r][i]);
    }
  }
}

template <typename V, int kRows>
void score_rows(const KeyBlock& block, int64_t row) {
  for (int64_t key = 0; key < block.visible; key += 4 * V::kLanes) {
    score_keys<V, kRows, 4>(block, row, key);
  }
}

template <typename V, int kRows>
void mix_rows(const KeyBlock& block, int64_t row) {
  int64_t d = 0;
  for (; d + 4 * V::kLanes <= block.width; d += 4 * V::kLanes) {
    mix_values<V, kRows, 4>(block, row, d);
  }
  for (; d < block.width; d += V::kLanes) {
    mix_values<V, kRows, 1>(block, row, d);
  }
}

template <typename V>
void attend_block(const KeyBlock& block) {
  int64_t row = 0;
  for (; row + V::kRowTile <= block.rows; row += V::kRowTile) {
    score_rows<V, V::kRowTile>(block, row);
  }
  for (; row < block.rows; ++row) {
    score_rows<V, 1>(block, row);
  }
  for (row = 0; row < block.rows; ++row) {
    weigh<V>(block, row);
  }
  for (row = 0; row + V::kRowTile <= block.rows; row += V::kRowTile) {
    mix_rows<V, V::kRowTile>(block, row);
  }
  for (; row < block.rows; ++row) {
    mix_rows<V, 1>(block, row);
  }
}

template <typename V>
void widen_rows(const WidenRows& rows) {
  for (int64_t row = 0; row < rows.count; ++row) {
    const std::byte* from = rows.from + row * rows.stride;
    float* to = rows.to + row * rows.width;
    for (int64_t d = 0; d < rows.width; d += V::kLanes) {
      if (rows.stored == StoredRows::kE4m3) {
        V::store(to + d, V::widen_e4m3(from + d));
      } else if (rows.stored == StoredRows::kBF16) {
        V::store(to + d, V::widen_bf16(from + 2 * d));
      } else {
        V::store(to + d, V::load(reinterpret_cast<const float*>(from) + d));
      }
    }
  }
}

/// Sixteen keys of one dimension after another: reads and writes stay within few cache lines.
template <typename V>
void turn_keys(const float* from, int64_t width, float* to) {
  for (int64_t key = 0; key < kBlockKeys; key += V::kLanes) {
    for (int64_t d = 0; d < width; d += V::kLanes) {
      V::transpose(from + key * width + d, width, to + d * kBlockKeys + key, kBlockKeys);
    }
  }
}

template <typename V>
constexpr KeyBlockKernels key_block_kernels() {
  return {.widen = widen_rows<V>, .turn = turn_keys<V>, .attend = attend_block<V>};
}

}  // namespace dak::cpu
