#pragma once

#include <cstdint>

#include <immintrin.h>

namespace dak::cpu {

/// Vectors of eight floats; only files compiled for AVX2 include this.
struct LanesAvx2 {
  using Register = __m256;
  static constexpr int64_t kLanes = 8;

  static Register broadcast(float value) { return _mm256_set1_ps(value); }
  static Register multiply(Register a, Register b) { return _mm256_mul_ps(a, b); }
  static Register multiply_add(Register a, Register b, Register c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  /// The first `count` lanes; the others are zeros and their memory is not touched.
  static Register load_first(const float* from, int64_t count) {
    return count == kLanes ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, first(count));
  }
  static void store_first(float* to, Register value, int64_t count) {
    if (count == kLanes) {
      return _mm256_storeu_ps(to, value);
    }
    _mm256_maskstore_ps(to, first(count), value);
  }
  /// Halves are added until one lane is left.
  static float sum(Register value) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }

 private:
  static __m256i first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace dak::cpu
