#include <immintrin.h>

#include "dakkar/bench/probe_loops.h"

namespace dak::bench {

float multiply_bf16_avx512(int64_t rounds) {
  constexpr int kChains = 16;
  static_assert(int64_t{kChains} * 64 == kBf16RoundFlops);
  __m512 sums[kChains];
  for (__m512& sum : sums) {
    sum = _mm512_set1_ps(1.0F);
  }
  const auto half = (__m512bh)_mm512_set1_epi16(0x3f00);
  for (int64_t i = 0; i < rounds; ++i) {
    for (__m512& sum : sums) {
      sum = _mm512_dpbf16_ps(sum, half, half);
    }
  }
  for (int j = 1; j < kChains; ++j) {
    sums[0] = _mm512_add_ps(sums[0], sums[j]);
  }
  return _mm512_reduce_add_ps(sums[0]);
}

}  // namespace dak::bench
