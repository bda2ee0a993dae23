#pragma once

#include "dakkar/device/cpu/ring_scan.h"
#include "dakkar/device/cpu/round_row_kernel.h"

/// The pass of `RingKernels::scan` over a head's stored state, over the vectors of one instruction
/// set, which `V` names; only that set's file instantiates it.
namespace dak::cpu {

/// Rows that go through the pass together.
inline constexpr int64_t kStateRows = 4;

template <StateRow kKept>
inline constexpr int64_t bytes_of = kKept == StateRow::kF16 ? 2 : 4;

template <typename V, StateRow kKept>
typename V::Register load_kept(const std::byte* state, int64_t i) {
  if constexpr (kKept == StateRow::kF16) {
    return V::widen_f16(state + 2 * i);
  } else {
    return V::load(reinterpret_cast<const float*>(state) + i);
  }
}

/// Rows of the state into which the ring's first tokens are folded.
struct RowFold {
  const RingHead& head;
  float carried = 0.0F;  ///< decay of the state until then
  int64_t row = 0;       ///< the first
  float* to = nullptr;   ///< the folded rows
};

/// Folds columns of a few rows, which stay in registers meanwhile.
template <typename V, StateRow kKept, int kRows, int kVectors>
void fold_tile(const RowFold& fold, int64_t n) {
  const RingHead& head = fold.head;
  const int64_t columns = head.columns;
  typename V::Register value[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      const int64_t at = (fold.row + r) * columns + n + i * V::kLanes;
      value[r][i] =
          head.fresh ? V::broadcast(0.0F)
                     : V::multiply(load_kept<V, kKept>(head.state, at), V::broadcast(fold.carried));
    }
  }
  const float* b = head.b + n;
  const float* x = head.folded + fold.row;
  // Arithmetic is the limit here: the next rows come meanwhile.
  constexpr int64_t kAhead = kRows * kVectors * V::kLanes * bytes_of<kKept> / kRingStep;
  const std::byte* ahead =
      head.state + ((fold.row + kStateRows) * columns + n * kRows) * bytes_of<kKept>;
  for (int64_t t = 0; t < head.fold; ++t, b += columns, x += head.rows, ahead += kAhead) {
    V::prefetch(ahead);
    typename V::Register shared[kVectors];
    for (int i = 0; i < kVectors; ++i) {
      shared[i] = V::load(b + i * V::kLanes);
    }
    for (int r = 0; r < kRows; ++r) {
      const typename V::Register scale = V::broadcast(x[r]);
      for (int i = 0; i < kVectors; ++i) {
        value[r][i] = V::multiply_add(scale, shared[i], value[r][i]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      V::store(fold.to + r * columns + n + i * V::kLanes, value[r][i]);
    }
  }
}

/// Folds `kStateRows` rows, leaves them in f32 at `to` and also where they are kept.
template <typename V, StateRow kKept>
void fold_rows(const RowFold& fold) {
  constexpr int64_t kWide = 4 * V::kLanes;
  const RingHead& head = fold.head;
  const int64_t columns = head.columns;
  for (int64_t r = 0; r < kStateRows; r += V::kRowTile) {
    RowFold tile = fold;
    tile.row += r;
    tile.to += r * columns;
    int64_t n = 0;
    for (; n + kWide <= columns; n += kWide) {
      fold_tile<V, kKept, V::kRowTile, 4>(tile, n);
    }
    for (; n < columns; n += V::kLanes) {
      fold_tile<V, kKept, V::kRowTile, 1>(tile, n);
    }
  }
  for (int64_t r = 0; r < kStateRows && kKept == StateRow::kF16; ++r) {
    RowName name = head.name;
    name.row += static_cast<uint32_t>(fold.row + r);
    round_row<V>({.name = name,
                  .from = fold.to + r * columns,
                  .count = columns,
                  .to = reinterpret_cast<uint16_t*>(head.state) + (fold.row + r) * columns});
  }
}

/// Some rows of the state: where they are kept or, once folded, in f32.
struct StateRows {
  const std::byte* data = nullptr;
  int64_t first = 0;  ///< row of the head
  int64_t count = 0;
};

/// Adds `kVectors` vectors of columns of state . C, lane by lane: to[row] += state[row] * c.
///
/// Rows are read one after another and not side by side: memory is faster so by half.
template <typename V, StateRow kKept, int kVectors>
void read_columns(const StateRows& rows, int64_t columns, const float* c, float* to) {
  typename V::Register shared[kVectors];
  for (int i = 0; i < kVectors; ++i) {
    shared[i] = V::load(c + i * V::kLanes);
  }
  const std::byte* from = rows.data;
  for (int64_t row = 0; row < rows.count; ++row) {
    typename V::Register sum = V::load(to);
    for (int i = 0; i < kVectors; ++i) {
      sum = V::multiply_add(load_kept<V, kKept>(from, i * V::kLanes), shared[i], sum);
    }
    V::store(to, sum);
    from += columns * bytes_of<kKept>;
    to += V::kLanes;
  }
}

/// Sets state . C of each new token, for some rows.
template <typename V, StateRow kKept>
void read_rows(const RingHead& head, const StateRows& rows) {
  constexpr int64_t kWide = V::kStateVectors * V::kLanes;
  const int64_t columns = head.columns;
  const int64_t outputs = head.tokens - head.first_new;
  for (int64_t t = 0; t < outputs; ++t) {
    const float* c = head.c + t * columns;
    for (int64_t i = 0; i < rows.count * V::kLanes; i += V::kLanes) {
      V::store(head.lanes + i, V::broadcast(0.0F));
    }
    int64_t n = 0;
    for (; n + kWide <= columns; n += kWide) {
      const StateRows part = {.data = rows.data + n * bytes_of<kKept>, .count = rows.count};
      read_columns<V, kKept, V::kStateVectors>(part, columns, c + n, head.lanes);
    }
    for (; n < columns; n += V::kLanes) {
      const StateRows part = {.data = rows.data + n * bytes_of<kKept>, .count = rows.count};
      read_columns<V, kKept, 1>(part, columns, c + n, head.lanes);
    }
    float* to = head.read + t * head.rows + rows.first;
    for (int64_t row = 0; row < rows.count; row += 4) {
      V::sum_four(head.lanes + row * V::kLanes, to + row);
    }
  }
}

/// Folds what is to be folded into the state, `carried` being its decay until then, and multiplies
/// the result, not yet rounded, with each new token's C. A state that is only read is not written.
template <typename V, StateRow kKept>
void pass_state(const RingHead& head, float carried) {
  if (head.fold == 0 && head.fresh) {
    for (int64_t i = 0; i < (head.tokens - head.first_new) * head.rows; ++i) {
      head.read[i] = 0.0F;
    }
    return;
  }
  if (head.fold == 0) {
    return read_rows<V, kKept>(head, {.data = head.state, .first = 0, .count = head.rows});
  }
  for (int64_t row = 0; row < head.rows; row += kStateRows) {
    std::byte* kept = head.state + row * head.columns * bytes_of<kKept>;
    float* folded = kKept == StateRow::kF16 ? head.wide : reinterpret_cast<float*>(kept);
    fold_rows<V, kKept>({.head = head, .carried = carried, .row = row, .to = folded});
    read_rows<V, StateRow::kF32>(
        head, {.data = reinterpret_cast<std::byte*>(folded), .first = row, .count = kStateRows});
  }
}

}  // namespace dak::cpu
