#pragma once

#include "dakkar/device/cpu/state_rows.h"

/// The body of `replay_head_*` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates it.
namespace dak::cpu {

/// Columns of a few rows that stay in registers.
struct StateBlock {
  int64_t row = 0;
  int64_t begin = 0;
  int64_t count = 0;  ///< columns that exist
};

/// `kVectors` whole vectors, or the first `count` lanes of a single one.
template <typename V, int kVectors>
struct Vectors {
  typename V::Register value[kVectors];

  void load(const float* from, int64_t count) {
    for (int i = 0; i < kVectors; ++i) {
      value[i] = kVectors > 1 ? V::load(from + i * V::kLanes) : V::load_first(from, count);
    }
  }

  void store(float* to, int64_t count) const {
    for (int i = 0; i < kVectors; ++i) {
      if (kVectors > 1) {
        V::store(to + i * V::kLanes, value[i]);
      } else {
        V::store_first(to, value[i], count);
      }
    }
  }

  void clear() {
    for (int i = 0; i < kVectors; ++i) {
      value[i] = V::broadcast(0.0F);
    }
  }
};

/// All tokens over a block of `kRows` rows; outputs are added to y.
template <typename V, int kRows, int kVectors>
void replay_block(const HeadReplay& head, const StateBlock& block) {
  Vectors<V, kVectors> state[kRows];
  float* stored = head.state + block.row * head.columns + block.begin;
  for (int r = 0; r < kRows; ++r) {
    if (head.fresh) {
      state[r].clear();
    } else {
      state[r].load(stored + r * head.columns, block.count);
    }
  }
  for (int64_t t = 0; t < head.tokens; ++t) {
    Vectors<V, kVectors> shared;
    shared.load(head.b + t * head.columns + block.begin, block.count);
    const float* x = head.x + t * head.rows + block.row;
    const typename V::Register decay = V::broadcast(head.decay[t]);
    for (int r = 0; r < kRows; ++r) {
      const typename V::Register input = V::broadcast(head.step[t] * x[r]);
      for (int i = 0; i < kVectors; ++i) {
        state[r].value[i] =
            V::multiply_add(decay, state[r].value[i], V::multiply(input, shared.value[i]));
      }
    }
    for (int r = 0; r < kRows && t + 1 == head.fold; ++r) {
      state[r].store(stored + r * head.columns, block.count);
    }
    if (t < head.first_new) {
      continue;
    }
    shared.load(head.c + t * head.columns + block.begin, block.count);
    float* y = head.y + (t - head.first_new) * head.y_stride + block.row;
    for (int r = 0; r < kRows; ++r) {
      typename V::Register sum = V::multiply(state[r].value[0], shared.value[0]);
      for (int i = 1; i < kVectors; ++i) {
        sum = V::multiply_add(state[r].value[i], shared.value[i], sum);
      }
      y[r] += V::sum(sum);
    }
  }
}

/// All columns of `kRows` rows.
template <typename V, int kRows>
void replay_rows(const HeadReplay& head, int64_t row) {
  constexpr int64_t kWide = V::kStateVectors * V::kLanes;
  int64_t n = 0;
  for (; n + kWide <= head.columns; n += kWide) {
    replay_block<V, kRows, V::kStateVectors>(head, {.row = row, .begin = n, .count = kWide});
  }
  for (; n < head.columns; n += V::kLanes) {
    const int64_t left = head.columns - n;
    replay_block<V, kRows, 1>(
        head, {.row = row, .begin = n, .count = left < V::kLanes ? left : V::kLanes});
  }
}

template <typename V>
void replay_head(const HeadReplay& head) {
  for (int64_t i = head.first_new; i < head.tokens; ++i) {
    for (int64_t row = 0; row < head.rows; ++row) {
      head.y[(i - head.first_new) * head.y_stride + row] = head.d * head.x[i * head.rows + row];
    }
  }
  int64_t row = 0;
  for (; row + 2 <= head.rows; row += 2) {
    replay_rows<V, 2>(head, row);
  }
  for (; row < head.rows; ++row) {
    replay_rows<V, 1>(head, row);
  }
}

}  // namespace dak::cpu
