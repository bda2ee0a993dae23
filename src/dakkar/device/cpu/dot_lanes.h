#pragma once

#include <cstdint>

#include <immintrin.h>

/// Pieces of the attention by dot products; only files compiled for AVX-512 with bf16 include this.
namespace dak::cpu {

inline __m512bh as_bf16(__m512i bits) {
  return reinterpret_cast<__m512bh>(bits);
}

inline __m512bh broadcast_pair(const void* from) {
  return as_bf16(_mm512_set1_epi32(*static_cast<const int32_t*>(from)));
}

inline __m512bh load_pairs(const uint32_t* from) {
  return as_bf16(_mm512_loadu_si512(from));
}

/// 2^x for x <= 0 or NaN.
inline __m512 power_of_two(__m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT);
  const __m512 rest = _mm512_sub_ps(x, whole);
  // ln(2)^n / n!
  constexpr float kSeries[] = {1.33335581e-3F, 9.61812910e-3F, 5.55041087e-2F,
                               2.40226507e-1F, 6.93147181e-1F, 1.0F};
  __m512 series = _mm512_set1_ps(1.54035304e-4F);
  for (const float term : kSeries) {
    series = _mm512_fmadd_ps(series, rest, _mm512_set1_ps(term));
  }
  return _mm512_scalef_ps(series, whole);
}

}  // namespace dak::cpu
