#pragma once

#include "dakkar/device/cpu/lane_math.h"
#include "dakkar/device/cpu/ring_scan.h"
#include "dakkar/device/cpu/ring_state_kernel.h"
#include "dakkar/device/cpu/round_row_kernel.h"

/// The bodies of `RingKernels` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates them.
namespace dak::cpu {

template <typename V>
int64_t padded_tokens(int64_t tokens) {
  return (tokens + kRingStep - 1) / kRingStep * kRingStep;
}

template <typename V>
float exp_of_one(float x) {
  float lanes[V::kLanes];
  V::store(lanes, exp_of<V>(V::broadcast(x)));
  return lanes[0];
}

template <typename V>
void multiply_ring(const RingProducts& products) {
  for (int64_t t = 0; t < products.outputs; ++t) {
    const float* c = products.c + t * products.columns;
    for (int64_t i = 0; i < products.tokens; ++i) {
      const float* b = products.b + i * products.columns;
      typename V::Register sum = V::broadcast(0.0F);
      for (int64_t n = 0; n < products.columns; n += V::kLanes) {
        sum = V::multiply_add(V::load(c + n), V::load(b + n), sum);
      }
      products.to[t * padded_tokens<V>(products.tokens) + i] = V::sum(sum);
    }
  }
}

/// weights[i] = exp(until - decays[i]) * steps[i], for tokens that decay until then.
template <typename V>
void weigh_tokens(const RingHead& head, float until) {
  const typename V::Register minus = V::broadcast(-1.0F);
  for (int64_t i = 0; i < head.tokens; i += V::kLanes) {
    const typename V::Register between =
        exp_of<V>(V::multiply_add(minus, V::load(head.decays + i), V::broadcast(until)));
    V::store(head.weights + i, V::multiply(between, V::load(head.steps + i)));
  }
}

template <typename V>
Elements input_of(const RingHead& head, int64_t token) {
  return {const_cast<std::byte*>(head.x[token]) + head.x_place, head.x_stored};
}

/// `kVectors` vectors of channels of new token `t` from `p` on: what is `left` of the folded
/// state's part, and the tokens after it.
template <typename V, int kVectors>
void output_channels(const RingHead& head, float left, int64_t t, int64_t p) {
  const int64_t token = head.first_new + t;
  const float* products = head.products + t * padded_tokens<V>(head.tokens);
  typename V::Register sum[kVectors];
  for (int i = 0; i < kVectors; ++i) {
    const float* read = head.read + t * head.rows + p + i * V::kLanes;
    sum[i] = V::multiply(V::broadcast(left), V::load(read));
  }
  for (int64_t k = head.fold; k <= token; ++k) {
    const typename V::Register weight = V::broadcast(head.weights[k] * products[k]);
    const Elements x = input_of<V>(head, k);
    for (int i = 0; i < kVectors; ++i) {
      sum[i] = V::multiply_add(weight, load_whole<V>(x, p + i * V::kLanes), sum[i]);
    }
  }
  const Elements x = input_of<V>(head, token);
  const Elements y = {head.y + t * head.y_stride, head.y_stored};
  for (int i = 0; i < kVectors; ++i) {
    const int64_t at = p + i * V::kLanes;
    store_whole<V>(y, at, V::multiply_add(V::broadcast(head.d), load_whole<V>(x, at), sum[i]));
  }
}

template <typename V>
void output_token(const RingHead& head, int64_t t) {
  const float until = head.decays[head.first_new + t];
  weigh_tokens<V>(head, until);
  const float left = exp_of_one<V>(until - head.until);
  int64_t p = 0;
  for (; p + 4 * V::kLanes <= head.rows; p += 4 * V::kLanes) {
    output_channels<V, 4>(head, left, t, p);
  }
  for (; p < head.rows; p += V::kLanes) {
    output_channels<V, 1>(head, left, t, p);
  }
}

/// Sums up the decays and weighs what is folded in.
template <typename V>
void weigh_ring(RingHead& head) {
  float sum = 0.0F;
  for (int64_t i = 0; i < padded_tokens<V>(head.tokens); ++i) {
    sum += head.steps[i] * head.a;
    head.decays[i] = sum;
  }
  if (head.fold == 0) {
    return;
  }
  head.until = head.decays[head.fold - 1];
  weigh_tokens<V>(head, head.until);
  for (int64_t i = 0; i < head.fold; ++i) {
    const typename V::Register weight = V::broadcast(head.weights[i]);
    for (int64_t p = 0; p < head.rows; p += V::kLanes) {
      V::store(head.folded + i * head.rows + p,
               V::multiply(weight, load_at<V>(input_of<V>(head, i), p, V::kLanes)));
    }
  }
}

template <typename V>
void pass_head(const RingHead& head) {
  const float carried = exp_of_one<V>(head.until);
  if (head.kept == StateRow::kF16) {
    pass_state<V, StateRow::kF16>(head, carried);
  } else {
    pass_state<V, StateRow::kF32>(head, carried);
  }
}

/// All heads' states lie in one piece and are read without a pause: memory gives less to short
/// runs.
template <typename V>
void scan_ring(RingHead* heads, int64_t count) {
  for (int64_t h = 0; h < count; ++h) {
    weigh_ring<V>(heads[h]);
  }
  for (int64_t h = 0; h < count; ++h) {
    pass_head<V>(heads[h]);
  }
  for (int64_t h = 0; h < count; ++h) {
    for (int64_t t = 0; t < heads[h].tokens - heads[h].first_new; ++t) {
      output_token<V>(heads[h], t);
    }
  }
}

template <typename V>
constexpr RingKernels ring_kernels() {
  return {.round = round_row<V>, .multiply = multiply_ring<V>, .scan = scan_ring<V>};
}

}  // namespace dak::cpu
