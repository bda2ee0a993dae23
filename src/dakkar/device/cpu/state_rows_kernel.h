#pragma once

#include "dakkar/device/cpu/state_rows.h"

/// The body of `replay_head_*` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates it.
namespace dak::cpu {

/// Columns of one row that stay in registers: `kVectors` vectors from `begin` on, of which `count`
/// columns exist.
struct ColumnBlock {
  int64_t row = 0;
  int64_t begin = 0;
  int64_t count = 0;
};

template <typename V, int kVectors>
struct StateRow {
  typename V::Register value[kVectors];

  static int64_t lanes_at(const ColumnBlock& block, int i) {
    const int64_t left = block.count - i * V::kLanes;
    return left < V::kLanes ? left : V::kLanes;
  }

  void load(const float* from, const ColumnBlock& block) {
    for (int i = 0; i < kVectors; ++i) {
      value[i] = V::load_first(from + i * V::kLanes, lanes_at(block, i));
    }
  }

  void clear() {
    for (int i = 0; i < kVectors; ++i) {
      value[i] = V::broadcast(0.0F);
    }
  }

  void store(float* to, const ColumnBlock& block) const {
    for (int i = 0; i < kVectors; ++i) {
      V::store_first(to + i * V::kLanes, value[i], lanes_at(block, i));
    }
  }

  void advance(float decay, float input, const StateRow& b) {
    for (int i = 0; i < kVectors; ++i) {
      value[i] = V::multiply_add(V::broadcast(decay), value[i],
                                 V::multiply(V::broadcast(input), b.value[i]));
    }
  }

  [[nodiscard]] float dot(const StateRow& c) const {
    typename V::Register sum = V::multiply(value[0], c.value[0]);
    for (int i = 1; i < kVectors; ++i) {
      sum = V::multiply_add(value[i], c.value[i], sum);
    }
    return V::sum(sum);
  }
};

/// All tokens over `kVectors` vectors of one row; outputs are added to y.
template <typename V, int kVectors>
void replay_block(const HeadReplay& head, const ColumnBlock& block) {
  StateRow<V, kVectors> state;
  StateRow<V, kVectors> shared;
  float* stored = head.state + block.row * head.columns + block.begin;
  if (head.fresh) {
    state.clear();
  } else {
    state.load(stored, block);
  }
  for (int64_t i = 0; i < head.tokens; ++i) {
    const int64_t place = i * head.shared_stride + block.begin;
    shared.load(head.b + place, block);
    const float x = head.x[i * head.x_stride + block.row];
    state.advance(head.decay[i], head.step[i] * x, shared);
    if (i + 1 == head.fold) {
      state.store(stored, block);
    }
    if (i >= head.first_new) {
      shared.load(head.c + place, block);
      head.y[(i - head.first_new) * head.x_stride + block.row] += state.dot(shared);
    }
  }
}

template <typename V>
void replay_head(const HeadReplay& head) {
  constexpr int kVectors = 8;
  constexpr int64_t kWide = kVectors * V::kLanes;
  for (int64_t i = head.first_new; i < head.tokens; ++i) {
    for (int64_t row = 0; row < head.rows; ++row) {
      head.y[(i - head.first_new) * head.x_stride + row] = head.d * head.x[i * head.x_stride + row];
    }
  }
  for (int64_t row = 0; row < head.rows; ++row) {
    int64_t n = 0;
    for (; n + kWide <= head.columns; n += kWide) {
      replay_block<V, kVectors>(head, {.row = row, .begin = n, .count = kWide});
    }
    for (; n < head.columns; n += V::kLanes) {
      const int64_t left = head.columns - n;
      replay_block<V, 1>(head,
                         {.row = row, .begin = n, .count = left < V::kLanes ? left : V::kLanes});
    }
  }
}

}  // namespace dak::cpu
