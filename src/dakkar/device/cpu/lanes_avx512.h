#pragma once

#include <cstdint>

#include <immintrin.h>

namespace dak::cpu {

/// Vectors of sixteen floats; only files compiled for AVX-512 include this.
struct LanesAvx512 {
  using Register = __m512;
  static constexpr int64_t kLanes = 16;

  static Register broadcast(float value) { return _mm512_set1_ps(value); }
  static Register multiply(Register a, Register b) { return _mm512_mul_ps(a, b); }
  static Register multiply_add(Register a, Register b, Register c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  /// The first `count` lanes; the others are zeros and their memory is not touched.
  static Register load_first(const float* from, int64_t count) {
    return _mm512_maskz_loadu_ps(first(count), from);
  }
  static void store_first(float* to, Register value, int64_t count) {
    _mm512_mask_storeu_ps(to, first(count), value);
  }
  /// Halves are added until one lane is left.
  static float sum(Register value) {
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(value), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(value), upper);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }

 private:
  static __mmask16 first(int64_t count) {
    return static_cast<__mmask16>((1U << static_cast<unsigned>(count)) - 1U);
  }
};

}  // namespace dak::cpu
