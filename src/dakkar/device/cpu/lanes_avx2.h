#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace dak::cpu {

/// Vectors of eight floats; only files compiled for AVX2 include this.
struct LanesAvx2 {
  using Register = __m256;
  static constexpr int64_t kLanes = 8;
  static constexpr int kRowTile = 2;  ///< rows whose sums fit the registers beside four vectors
  static constexpr int kStateVectors = 8;  ///< of a row of an SSM state

  /// Asks for the cache line at `address`, which need not be memory of ours.
  static void prefetch(const std::byte* address) {
    _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0);
  }
  static Register broadcast(float value) { return _mm256_set1_ps(value); }
  static Register multiply(Register a, Register b) { return _mm256_mul_ps(a, b); }
  static Register multiply_add(Register a, Register b, Register c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  static Register load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Register value) { _mm256_storeu_ps(to, value); }
  static Register add(Register a, Register b) { return _mm256_add_ps(a, b); }
  /// The second operand where either is NaN.
  static Register larger(Register a, Register b) { return _mm256_max_ps(a, b); }
  /// Lanes of x that are NaN, else those of a.
  static Register keep_nan(Register a, Register x) {
    return _mm256_blendv_ps(a, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
  }
  static Register round(Register a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  /// a * 2^n for a whole n from -126 to 127, a and the result being normal numbers.
  static Register scale_by_power(Register a, Register n) {
    const __m256i exponent = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent));
  }
  /// Lanes of a where x is below `limit` become zeros.
  static Register zero_below(Register a, Register x, Register limit) {
    return _mm256_and_ps(_mm256_cmp_ps(x, limit, _CMP_NLT_UQ), a);
  }
  static Register widen_bf16(const std::byte* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static Register widen_f16(const std::byte* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  /// Rounds to nearest, ties to even; a NaN stays one.
  static void store_bf16(std::byte* to, Register value) {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded =
        _mm256_add_epi32(_mm256_add_epi32(bits, odd), _mm256_set1_epi32(0x7fff));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256i whole = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    // Packing works within halves of 128 bits.
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(whole, whole), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(packed));
  }
  static Register divide(Register a, Register b) { return _mm256_div_ps(a, b); }
  static float square_root(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
  /// -|a|
  static Register minus_magnitude(Register a) { return _mm256_or_ps(a, broadcast(-0.0F)); }
  /// Lanes of a where x is below zero, else of b.
  static Register where_negative(Register x, Register a, Register b) {
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(x, broadcast(0.0F), _CMP_LT_OQ));
  }
  /// By way of f16, as in the fp8 panels; here a NaN stays one.
  static Register widen_e4m3(const std::byte* from) {
    const __m128i codes =
        _mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
    const __m128i halves = _mm_and_si128(_mm_slli_epi16(codes, 7), _mm_set1_epi16(-0x4080));
    const __m128i magnitude = _mm_set1_epi16(0x3f80);
    const __m128i nan = _mm_cmpeq_epi16(_mm_and_si128(halves, magnitude), magnitude);
    return _mm256_mul_ps(_mm256_cvtph_ps(_mm_or_si128(halves, nan)), _mm256_set1_ps(0x1p8F));
  }
  /// A tile of 8 x 8 floats, rows `from_stride` and `to_stride` floats apart.
  static void transpose(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
    for (int64_t half = 0; half < 2; ++half) {
      Register row[4];
      for (int64_t r = 0; r < 4; ++r) {
        const float* column = from + r * from_stride + 4 * half;
        row[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(column)),
                                      _mm_loadu_ps(column + 4 * from_stride), 1);
      }
      const Register a = _mm256_unpacklo_ps(row[0], row[1]);
      const Register b = _mm256_unpackhi_ps(row[0], row[1]);
      const Register c = _mm256_unpacklo_ps(row[2], row[3]);
      const Register d = _mm256_unpackhi_ps(row[2], row[3]);
      float* column = to + 4 * half * to_stride;
      store(column, _mm256_shuffle_ps(a, c, 0x44));
      store(column + to_stride, _mm256_shuffle_ps(a, c, 0xee));
      store(column + 2 * to_stride, _mm256_shuffle_ps(b, d, 0x44));
      store(column + 3 * to_stride, _mm256_shuffle_ps(b, d, 0xee));
    }
  }
  /// [kLanes][4] floats: column j goes to `column[j]`.
  static void columns_of_four(const float* from, Register* column) {
    Register row[4];
    for (int64_t r = 0; r < 4; ++r) {
      row[r] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from + 4 * r)),
                                    _mm_loadu_ps(from + 16 + 4 * r), 1);
    }
    const Register a = _mm256_unpacklo_ps(row[0], row[1]);
    const Register b = _mm256_unpackhi_ps(row[0], row[1]);
    const Register c = _mm256_unpacklo_ps(row[2], row[3]);
    const Register d = _mm256_unpackhi_ps(row[2], row[3]);
    column[0] = _mm256_shuffle_ps(a, c, 0x44);
    column[1] = _mm256_shuffle_ps(a, c, 0xee);
    column[2] = _mm256_shuffle_ps(b, d, 0x44);
    column[3] = _mm256_shuffle_ps(b, d, 0xee);
  }
  /// Eight words and the products of their halves, for Philox.
  using Words = __m256i;
  static Words same_words(uint32_t value) { return _mm256_set1_epi32(static_cast<int32_t>(value)); }
  /// first, first + 1, ...
  static Words words_from(uint32_t first) {
    return _mm256_add_epi32(same_words(first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static Words exclusive_or(Words a, Words b, Words c) {
    return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
  }
  /// The two halves of a * b, word by word.
  static void multiply_words(Words a, Words b, Words* low, Words* high) {
    const Words even = _mm256_mul_epu32(a, b);
    const Words odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), b);
    *low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
    *high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  }
  /// Stores word j of block i at `to[4 * i + j]`.
  static void store_fours(const Words* word, uint32_t* to) {
    const Words a = _mm256_unpacklo_epi32(word[0], word[1]);
    const Words b = _mm256_unpackhi_epi32(word[0], word[1]);
    const Words c = _mm256_unpacklo_epi32(word[2], word[3]);
    const Words d = _mm256_unpackhi_epi32(word[2], word[3]);
    store_halves(_mm256_unpacklo_epi64(a, c), to);
    store_halves(_mm256_unpackhi_epi64(a, c), to + 4);
    store_halves(_mm256_unpacklo_epi64(b, d), to + 8);
    store_halves(_mm256_unpackhi_epi64(b, d), to + 12);
  }
  /// `round_stochastic` of each lane to f16, `bits` being the high halves of the random words.
  static void round_f16(Register value, const uint16_t* bits, uint16_t* to) {
    const Words raw = _mm256_castps_si256(value);
    const Words random =
        _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits)));
    const Words magnitude = _mm256_and_si256(raw, same_words(0x7fffffffU));
    const Words exponent = _mm256_srli_epi32(magnitude, 23);
    // Normal numbers: thirteen random bits below the kept ones.
    Words rounded = _mm256_add_epi32(magnitude, _mm256_srli_epi32(random, 3));
    rounded = _mm256_srli_epi32(_mm256_sub_epi32(rounded, same_words(112U << 23)), 13);
    // Below 2^-14, multiples of 2^-24; below 2^-31 only the carry of random bits is left.
    const Words mantissa =
        _mm256_or_si256(_mm256_and_si256(magnitude, same_words(0x7fffffU)), same_words(0x800000U));
    const Words discard = _mm256_sub_epi32(same_words(126), exponent);
    const Words high = _mm256_slli_epi32(random, 16);
    const Words noise = _mm256_srlv_epi32(high, _mm256_sub_epi32(same_words(32), discard));
    const Words small = _mm256_srlv_epi32(_mm256_add_epi32(mantissa, noise), discard);
    const Words kept = _mm256_srlv_epi32(mantissa, _mm256_sub_epi32(discard, same_words(32)));
    // Comparisons are of signed numbers.
    const Words flip = same_words(0x80000000U);
    const Words sum = _mm256_xor_si256(_mm256_add_epi32(kept, high), flip);
    const Words carries = _mm256_cmpgt_epi32(_mm256_xor_si256(high, flip), sum);
    const Words far_value = _mm256_and_si256(carries, same_words(1));
    rounded = _mm256_blendv_epi8(rounded, small, _mm256_cmpgt_epi32(same_words(113), exponent));
    rounded = _mm256_blendv_epi8(rounded, far_value, _mm256_cmpgt_epi32(same_words(95), exponent));
    const Words large = _mm256_cmpgt_epi32(magnitude, same_words(0x477fdfffU));
    rounded = _mm256_blendv_epi8(rounded, same_words(0x7bffU), large);
    const Words nan = _mm256_cmpgt_epi32(magnitude, same_words(0x7f800000U));
    rounded = _mm256_blendv_epi8(rounded, same_words(0x7e00U), nan);
    const Words sign = _mm256_and_si256(_mm256_srli_epi32(raw, 16), same_words(0x8000U));
    const Words whole = _mm256_or_si256(rounded, sign);
    const Words packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(whole, whole), 0x08);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(packed));
  }
  /// Halves are added until one lane is left.
  static float sum(Register value) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  /// to[i] = the sum of vector i of four.
  static void sum_four(const float* vectors, float* to) {
    const Register first = _mm256_hadd_ps(load(vectors), load(vectors + kLanes));
    const Register second = _mm256_hadd_ps(load(vectors + 2 * kLanes), load(vectors + 3 * kLanes));
    const Register all = _mm256_hadd_ps(first, second);
    const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1));
    _mm_storeu_ps(to, sums);
  }

 private:
  /// Each 128 bits sixteen words further.
  static void store_halves(Words value, uint32_t* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(value));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), _mm256_extracti128_si256(value, 1));
  }
};

}  // namespace dak::cpu
