#pragma once

#include "dakkar/device/cpu/chunk_scan.h"
#include "dakkar/device/cpu/lane_math.h"

/// The bodies of `ChunkKernels` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates them.
namespace dak::cpu {

/// Operands of a product of matrices: rows of `a` times rows of `b`.
struct Factors {
  const float* a = nullptr;
  int64_t a_row = 0;  ///< from a row of the result to the next
  int64_t a_step = 0;
  const float* b = nullptr;
  int64_t b_step = 0;
  int64_t steps = 0;
};

/// A tile of a result, in registers. Sums run over the steps in order.
template <typename V, int kRows, int kVectors>
struct ChunkTile {
  typename V::Register sum[kRows][kVectors];

  void clear() {
    for (auto& row : sum) {
      for (auto& value : row) {
        value = V::broadcast(0.0F);
      }
    }
  }

  void load(const float* from, int64_t stride, float factor) {
    for (int r = 0; r < kRows; ++r) {
      for (int i = 0; i < kVectors; ++i) {
        sum[r][i] = V::multiply(V::load(from + r * stride + i * V::kLanes), V::broadcast(factor));
      }
    }
  }

  void store(float* to, int64_t stride) const {
    for (int r = 0; r < kRows; ++r) {
      for (int i = 0; i < kVectors; ++i) {
        V::store(to + r * stride + i * V::kLanes, sum[r][i]);
      }
    }
  }

  void add_product(const Factors& in) {
    for (int64_t k = 0; k < in.steps; ++k) {
      typename V::Register part[kVectors];
      for (int i = 0; i < kVectors; ++i) {
        part[i] = V::load(in.b + k * in.b_step + i * V::kLanes);
      }
      for (int r = 0; r < kRows; ++r) {
        const typename V::Register factor = V::broadcast(in.a[r * in.a_row + k * in.a_step]);
        for (int i = 0; i < kVectors; ++i) {
          sum[r][i] = V::multiply_add(factor, part[i], sum[r][i]);
        }
      }
    }
  }
};

template <typename V, int kRows>
void score_rows(const ChunkGroup& group, int64_t t) {
  constexpr int kVectors = 4;
  for (int64_t s = 0; s < t + kRows; s += kVectors * V::kLanes) {
    ChunkTile<V, kRows, kVectors> tile;
    tile.clear();
    tile.add_product({.a = group.c + t * group.states,
                      .a_row = group.states,
                      .a_step = 1,
                      .b = group.turned + s,
                      .b_step = kMostChunkTokens,
                      .steps = group.states});
    tile.store(group.scores + t * kMostChunkTokens + s, kMostChunkTokens);
  }
}

template <typename V>
void turn_floats(const TurnFloats& matrix) {
  for (int64_t row = 0; row < matrix.rows; row += V::kLanes) {
    for (int64_t column = 0; column < matrix.columns; column += V::kLanes) {
      V::transpose(matrix.from + row * matrix.from_stride + column, matrix.from_stride,
                   matrix.to + column * matrix.to_stride + row, matrix.to_stride);
    }
  }
}

template <typename V>
void score_chunk(const ChunkGroup& group) {
  turn_floats<V>({.from = group.b,
                  .from_stride = group.states,
                  .rows = kMostChunkTokens,
                  .columns = group.states,
                  .to = group.turned,
                  .to_stride = kMostChunkTokens});
  int64_t t = 0;
  for (; t + V::kRowTile <= group.count; t += V::kRowTile) {
    score_rows<V, V::kRowTile>(group, t);
  }
  for (; t < group.count; ++t) {
    score_rows<V, 1>(group, t);
  }
}

/// What token t takes of the x of each token up to it: score * decay between them * dt.
template <typename V>
void weigh_row(const ChunkHead& head, int64_t t, float* weights) {
  const float* scores = head.group.scores + t * kMostChunkTokens;
  const typename V::Register last = V::broadcast(head.decays[t]);
  const typename V::Register minus = V::broadcast(-1.0F);
  for (int64_t s = 0; s <= t; s += V::kLanes) {
    const typename V::Register between =
        exp_of<V>(V::multiply_add(minus, V::load(head.decays + s), last));
    const typename V::Register weight =
        V::multiply(V::multiply(V::load(scores + s), between), V::load(head.steps + s));
    V::store(weights + s, weight);
  }
  // Tokens after t, which a tile of several rows walks over.
  for (int64_t s = t + 1; s < t + 1 + V::kRowTile && s < kMostChunkTokens; ++s) {
    weights[s] = 0.0F;
  }
}

template <typename V, int kRows, int kVectors>
void output_tile(const ChunkHead& head, int64_t t, int64_t p) {
  const int64_t states = head.group.states;
  ChunkTile<V, kRows, kVectors> tile;
  tile.clear();
  tile.add_product({.a = head.group.c + t * states,
                    .a_row = states,
                    .a_step = 1,
                    .b = head.state + p,
                    .b_step = head.width,
                    .steps = states});
  for (int r = 0; r < kRows; ++r) {
    float lanes[V::kLanes];
    V::store(lanes, exp_of<V>(V::broadcast(head.decays[t + r])));
    for (int i = 0; i < kVectors; ++i) {
      tile.sum[r][i] = V::multiply(tile.sum[r][i], V::broadcast(lanes[0]));
    }
  }
  tile.add_product({.a = head.weights,
                    .a_row = kMostChunkTokens,
                    .a_step = 1,
                    .b = head.x + p,
                    .b_step = head.width,
                    .steps = t + kRows});
  const typename V::Register direct = V::broadcast(head.d);
  for (int r = 0; r < kRows; ++r) {
    const Elements y = {head.y + (t + r - head.first_new) * head.y_stride, head.stored};
    for (int i = 0; i < kVectors; ++i) {
      const int64_t at = p + i * V::kLanes;
      const typename V::Register x = V::load(head.x + (t + r) * head.width + at);
      store_at<V>(y, at, V::kLanes, V::multiply_add(direct, x, tile.sum[r][i]));
    }
  }
}

template <typename V, int kRows>
void output_rows(const ChunkHead& head, int64_t t) {
  for (int r = 0; r < kRows; ++r) {
    weigh_row<V>(head, t + r, head.weights + r * kMostChunkTokens);
  }
  int64_t p = 0;
  for (; p + 4 * V::kLanes <= head.width; p += 4 * V::kLanes) {
    output_tile<V, kRows, 4>(head, t, p);
  }
  for (; p < head.width; p += V::kLanes) {
    output_tile<V, kRows, 1>(head, t, p);
  }
}

template <typename V, int kVectors>
void move_columns(const ChunkHead& head, float carried, int64_t p) {
  for (int64_t n = 0; n < head.group.states; n += V::kRowTile) {
    ChunkTile<V, V::kRowTile, kVectors> tile;
    float* state = head.state + n * head.width + p;
    tile.load(state, head.width, carried);
    tile.add_product({.a = head.group.b + n,
                      .a_row = 1,
                      .a_step = head.group.states,
                      .b = head.weighted + p,
                      .b_step = head.width,
                      .steps = head.stop});
    tile.store(state, head.width);
  }
}

/// Moves the state past the first `stop` tokens.
template <typename V>
void move_state(const ChunkHead& head) {
  float weights[kMostChunkTokens];
  const typename V::Register last = V::broadcast(head.decays[head.stop - 1]);
  const typename V::Register minus = V::broadcast(-1.0F);
  for (int64_t s = 0; s < head.stop; s += V::kLanes) {
    const typename V::Register between =
        exp_of<V>(V::multiply_add(minus, V::load(head.decays + s), last));
    V::store(weights + s, V::multiply(between, V::load(head.steps + s)));
  }
  for (int64_t s = 0; s < head.stop; ++s) {
    const typename V::Register weight = V::broadcast(weights[s]);
    for (int64_t p = s * head.width; p < (s + 1) * head.width; p += V::kLanes) {
      V::store(head.weighted + p, V::multiply(V::load(head.x + p), weight));
    }
  }
  float lanes[V::kLanes];
  V::store(lanes, exp_of<V>(last));
  int64_t p = 0;
  for (; p + 4 * V::kLanes <= head.width; p += 4 * V::kLanes) {
    move_columns<V, 4>(head, lanes[0], p);
  }
  for (; p < head.width; p += V::kLanes) {
    move_columns<V, 1>(head, lanes[0], p);
  }
}

template <typename V>
void scan_chunk(const ChunkHead& head) {
  int64_t t = head.first_new;
  for (; t + V::kRowTile <= head.group.count; t += V::kRowTile) {
    output_rows<V, V::kRowTile>(head, t);
  }
  for (; t < head.group.count; ++t) {
    output_rows<V, 1>(head, t);
  }
  if (head.stop > 0) {
    move_state<V>(head);
  }
}

template <typename V>
constexpr ChunkKernels chunk_kernels() {
  return {.score = score_chunk<V>, .scan = scan_chunk<V>, .turn = turn_floats<V>};
}

}  // namespace dak::cpu
