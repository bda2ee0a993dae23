#pragma once

#include <cstdint>

#include "dakkar/device/cpu/elements.h"

/// Functions of whole vectors of one instruction set, which `V` names; only that set's files
/// instantiate them.
namespace dak::cpu {

constexpr float kInverseFactorials[] = {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F, 1.0F / 6.0F,
                                        1.0F / 2.0F,   1.0F,          1.0F};

/// exp(x) for x <= 0, NaN or -inf: 2^n times the series of the rest; zero below -87.
template <typename V>
typename V::Register exp_of(typename V::Register x) {
  const typename V::Register n = V::round(V::multiply(x, V::broadcast(0x1.715476p0F)));
  // ln 2 in two parts, the first short enough for exact products.
  typename V::Register rest = V::multiply_add(n, V::broadcast(-0x1.62ep-1F), x);
  rest = V::multiply_add(n, V::broadcast(-0x1.0bfbe8p-15F), rest);
  typename V::Register series = V::broadcast(1.0F / 5040.0F);
  for (const float inverse_factorial : kInverseFactorials) {
    series = V::multiply_add(series, rest, V::broadcast(inverse_factorial));
  }
  return V::zero_below(V::scale_by_power(series, n), x, V::broadcast(-87.0F));
}

/// x / (1 + exp(-x)), by way of exp(-|x|), which cannot overflow.
template <typename V>
typename V::Register silu_of(typename V::Register x) {
  const typename V::Register one = V::broadcast(1.0F);
  const typename V::Register small = exp_of<V>(V::minus_magnitude(x));
  const typename V::Register numerator = V::where_negative(x, small, one);
  return V::divide(V::multiply(x, numerator), V::add(one, small));
}

/// Lanes of a row of `width` elements that a vector from `i` on covers.
template <typename V>
int64_t lanes_at(int64_t i, int64_t width) {
  return width - i < V::kLanes ? width - i : V::kLanes;
}

/// A whole vector from element `i` on.
template <typename V>
typename V::Register load_whole(const Elements& from, int64_t i) {
  return from.stored == Stored::kBF16 ? V::widen_bf16(from.data + 2 * i)
                                      : V::load(reinterpret_cast<const float*>(from.data) + i);
}

/// Stores a whole vector from element `i` on, rounded to nearest, ties to even.
template <typename V>
void store_whole(const Elements& to, int64_t i, typename V::Register value) {
  if (to.stored == Stored::kBF16) {
    V::store_bf16(to.data + 2 * i, value);
  } else {
    V::store(reinterpret_cast<float*>(to.data) + i, value);
  }
}

/// `count` elements from `i` on, zeros behind.
template <typename V>
typename V::Register load_at(const Elements& from, int64_t i, int64_t count) {
  if (count == V::kLanes) {
    return load_whole<V>(from, i);
  }
  const int64_t bytes = from.stored == Stored::kBF16 ? 2 : 4;
  std::byte part[V::kLanes * 4] = {};
  for (int64_t b = 0; b < count * bytes; ++b) {
    part[b] = from.data[i * bytes + b];
  }
  return load_whole<V>({part, from.stored}, 0);
}

/// Stores the first `count` lanes from element `i` on.
template <typename V>
void store_at(const Elements& to, int64_t i, int64_t count, typename V::Register value) {
  if (count == V::kLanes) {
    return store_whole<V>(to, i, value);
  }
  const int64_t bytes = to.stored == Stored::kBF16 ? 2 : 4;
  std::byte part[V::kLanes * 4];
  store_whole<V>({part, to.stored}, 0, value);
  for (int64_t b = 0; b < count * bytes; ++b) {
    to.data[i * bytes + b] = part[b];
  }
}

}  // namespace dak::cpu
