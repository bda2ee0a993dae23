#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace dak::cpu {

/// Vectors of sixteen floats; only files compiled for AVX-512 include this.
struct LanesAvx512 {
  using Register = __m512;
  static constexpr int64_t kLanes = 16;
  static constexpr int kRowTile = 4;  ///< rows whose sums fit the registers beside four vectors
  static constexpr int kStateVectors = 8;  ///< of a row of an SSM state

  /// Asks for the cache line at `address`, which need not be memory of ours.
  static void prefetch(const std::byte* address) {
    _mm_prefetch(reinterpret_cast<const char*>(address), _MM_HINT_T0);
  }
  static Register broadcast(float value) { return _mm512_set1_ps(value); }
  static Register multiply(Register a, Register b) { return _mm512_mul_ps(a, b); }
  static Register multiply_add(Register a, Register b, Register c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  static Register load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Register value) { _mm512_storeu_ps(to, value); }
  static Register add(Register a, Register b) { return _mm512_add_ps(a, b); }
  /// The second operand where either is NaN.
  static Register larger(Register a, Register b) { return _mm512_max_ps(a, b); }
  /// Lanes of x that are NaN, else those of a.
  static Register keep_nan(Register a, Register x) {
    return _mm512_mask_mov_ps(a, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
  }
  static Register round(Register a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT); }
  /// a * 2^n for a whole n from -126 to 127, a and the result being normal numbers.
  static Register scale_by_power(Register a, Register n) {
    const __m512i exponent = _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23);
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent));
  }
  /// Lanes of a where x is below `limit` become zeros.
  static Register zero_below(Register a, Register x, Register limit) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_NLT_UQ), a);
  }
  static Register widen_bf16(const std::byte* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static Register widen_f16(const std::byte* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  /// Rounds to nearest, ties to even; a NaN stays one.
  static void store_bf16(std::byte* to, Register value) {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded =
        _mm512_add_epi32(_mm512_add_epi32(bits, odd), _mm512_set1_epi32(0x7fff));
    const __mmask16 nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    const __m512i whole = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm512_cvtepi32_epi16(_mm512_srli_epi32(whole, 16)));
  }
  static Register divide(Register a, Register b) { return _mm512_div_ps(a, b); }
  static float square_root(float a) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a))); }
  /// -|a|
  static Register minus_magnitude(Register a) {
    return _mm512_castsi512_ps(
        _mm512_or_si512(_mm512_castps_si512(a), _mm512_set1_epi32(INT32_MIN)));
  }
  /// Lanes of a where x is below zero, else of b.
  static Register where_negative(Register x, Register a, Register b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(x, broadcast(0.0F), _CMP_LT_OQ), a);
  }
  /// By way of f16, as in the fp8 panels; here a NaN stays one.
  static Register widen_e4m3(const std::byte* from) {
    const __m256i codes =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    const __m256i halves =
        _mm256_and_si256(_mm256_slli_epi16(codes, 7), _mm256_set1_epi16(-0x4080));
    const __m256i magnitude = _mm256_set1_epi16(0x3f80);
    const __m256i nan = _mm256_cmpeq_epi16(_mm256_and_si256(halves, magnitude), magnitude);
    return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(halves, nan)), _mm512_set1_ps(0x1p8F));
  }
  /// A tile of 16 x 16 floats, rows `from_stride` and `to_stride` floats apart.
  static void transpose(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
    // Lanes of 128 bits first go where they belong as quarters of rows r, r + 4, r + 8, r + 12.
    for (int64_t quarter = 0; quarter < 4; ++quarter) {
      Register row[4];
      for (int64_t r = 0; r < 4; ++r) {
        const float* column = from + r * from_stride + 4 * quarter;
        row[r] = quarters(column, 4 * from_stride);
      }
      const Register a = _mm512_unpacklo_ps(row[0], row[1]);
      const Register b = _mm512_unpackhi_ps(row[0], row[1]);
      const Register c = _mm512_unpacklo_ps(row[2], row[3]);
      const Register d = _mm512_unpackhi_ps(row[2], row[3]);
      float* column = to + 4 * quarter * to_stride;
      store(column, _mm512_shuffle_ps(a, c, 0x44));
      store(column + to_stride, _mm512_shuffle_ps(a, c, 0xee));
      store(column + 2 * to_stride, _mm512_shuffle_ps(b, d, 0x44));
      store(column + 3 * to_stride, _mm512_shuffle_ps(b, d, 0xee));
    }
  }
  /// [kLanes][4] floats: column j goes to `column[j]`.
  static void columns_of_four(const float* from, Register* column) {
    Register row[4];
    for (int64_t r = 0; r < 4; ++r) {
      row[r] = quarters(from + 4 * r, 16);
    }
    const Register a = _mm512_unpacklo_ps(row[0], row[1]);
    const Register b = _mm512_unpackhi_ps(row[0], row[1]);
    const Register c = _mm512_unpacklo_ps(row[2], row[3]);
    const Register d = _mm512_unpackhi_ps(row[2], row[3]);
    column[0] = _mm512_shuffle_ps(a, c, 0x44);
    column[1] = _mm512_shuffle_ps(a, c, 0xee);
    column[2] = _mm512_shuffle_ps(b, d, 0x44);
    column[3] = _mm512_shuffle_ps(b, d, 0xee);
  }
  /// Sixteen words and the products of their halves, for Philox.
  using Words = __m512i;
  static Words same_words(uint32_t value) { return _mm512_set1_epi32(static_cast<int32_t>(value)); }
  /// first, first + 1, ...
  static Words words_from(uint32_t first) {
    return _mm512_add_epi32(same_words(first),
                            _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
  }
  static Words exclusive_or(Words a, Words b, Words c) {
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
  }
  /// The two halves of a * b, word by word.
  static void multiply_words(Words a, Words b, Words* low, Words* high) {
    const Words even = _mm512_mul_epu32(a, b);
    const Words odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);
    *low = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
    *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
  }
  /// Stores word j of block i at `to[4 * i + j]`.
  static void store_fours(const Words* word, uint32_t* to) {
    const Words a = _mm512_unpacklo_epi32(word[0], word[1]);
    const Words b = _mm512_unpackhi_epi32(word[0], word[1]);
    const Words c = _mm512_unpacklo_epi32(word[2], word[3]);
    const Words d = _mm512_unpackhi_epi32(word[2], word[3]);
    store_quarters(_mm512_unpacklo_epi64(a, c), to);
    store_quarters(_mm512_unpackhi_epi64(a, c), to + 4);
    store_quarters(_mm512_unpacklo_epi64(b, d), to + 8);
    store_quarters(_mm512_unpackhi_epi64(b, d), to + 12);
  }
  /// `round_stochastic` of each lane to f16, `bits` being the high halves of the random words.
  static void round_f16(Register value, const uint16_t* bits, uint16_t* to) {
    const Words raw = _mm512_castps_si512(value);
    const Words random =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bits)));
    const Words magnitude = _mm512_and_si512(raw, same_words(0x7fffffffU));
    // Normal numbers: thirteen random bits below the kept ones.
    Words rounded = _mm512_add_epi32(magnitude, _mm512_srli_epi32(random, 3));
    rounded = _mm512_srli_epi32(_mm512_sub_epi32(rounded, same_words(112U << 23)), 13);
    const Words sign = _mm512_and_si512(_mm512_srli_epi32(raw, 16), same_words(0x8000U));
    const Words above = _mm512_sub_epi32(magnitude, same_words(113U << 23));
    if (_mm512_cmpge_epu32_mask(above, same_words(0x477fe000U - (113U << 23))) == 0) {
      return store_words(_mm512_or_si512(rounded, sign), to);
    }
    const Words exponent = _mm512_srli_epi32(magnitude, 23);
    // Below 2^-14, multiples of 2^-24; below 2^-31 only the carry of random bits is left.
    const Words mantissa =
        _mm512_or_si512(_mm512_and_si512(magnitude, same_words(0x7fffffU)), same_words(0x800000U));
    const Words discard = _mm512_sub_epi32(same_words(126), exponent);
    const Words high = _mm512_slli_epi32(random, 16);
    const Words noise = _mm512_srlv_epi32(high, _mm512_sub_epi32(same_words(32), discard));
    const Words small = _mm512_srlv_epi32(_mm512_add_epi32(mantissa, noise), discard);
    const Words kept = _mm512_srlv_epi32(mantissa, _mm512_sub_epi32(discard, same_words(32)));
    const __mmask16 carries = _mm512_cmplt_epu32_mask(_mm512_add_epi32(kept, high), high);
    const __mmask16 below = _mm512_cmplt_epu32_mask(exponent, same_words(113));
    const __mmask16 far_below = _mm512_cmplt_epu32_mask(exponent, same_words(95));
    rounded = _mm512_mask_mov_epi32(rounded, below, small);
    rounded = _mm512_mask_mov_epi32(rounded, far_below, _mm512_setzero_si512());
    rounded = _mm512_mask_mov_epi32(rounded, far_below & carries, same_words(1));
    const __mmask16 large = _mm512_cmpge_epu32_mask(magnitude, same_words(0x477fe000U));
    rounded = _mm512_mask_mov_epi32(rounded, large, same_words(0x7bffU));
    const __mmask16 nan = _mm512_cmpgt_epu32_mask(magnitude, same_words(0x7f800000U));
    rounded = _mm512_mask_mov_epi32(rounded, nan, same_words(0x7e00U));
    store_words(_mm512_or_si512(rounded, sign), to);
  }
  /// Halves are added until one lane is left.
  static float sum(Register value) {
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(value), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(value), upper);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
  }
  /// to[i] = the sum of vector i of four.
  static void sum_four(const float* vectors, float* to) {
    Register four[4];
    for (int64_t i = 0; i < 4; ++i) {
      four[i] = load(vectors + i * kLanes);
    }
    // Pairs of rows are added lane by lane, until a quarter holds a part of each row's sum.
    const Register first =
        _mm512_add_ps(_mm512_unpacklo_ps(four[0], four[1]), _mm512_unpackhi_ps(four[0], four[1]));
    const Register second =
        _mm512_add_ps(_mm512_unpacklo_ps(four[2], four[3]), _mm512_unpackhi_ps(four[2], four[3]));
    const Register all = _mm512_add_ps(_mm512_shuffle_ps(first, second, 0x44),
                                       _mm512_shuffle_ps(first, second, 0xee));
    const __m256 upper = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(all), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(all), upper);
    const __m128 sums = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    _mm_storeu_ps(to, sums);
  }

 private:
  /// The low halves of sixteen words.
  static void store_words(Words value, uint16_t* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtepi32_epi16(value));
  }
  /// Each 128 bits sixteen words further.
  static void store_quarters(Words value, uint32_t* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_castsi512_si128(value));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 16), _mm512_extracti32x4_epi32(value, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 32), _mm512_extracti32x4_epi32(value, 2));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 48), _mm512_extracti32x4_epi32(value, 3));
  }
  /// Four floats of each of four rows.
  static Register quarters(const float* from, int64_t stride) {
    Register four = _mm512_castps128_ps512(_mm_loadu_ps(from));
    four = _mm512_insertf32x4(four, _mm_loadu_ps(from + stride), 1);
    four = _mm512_insertf32x4(four, _mm_loadu_ps(from + 2 * stride), 2);
    return _mm512_insertf32x4(four, _mm_loadu_ps(from + 3 * stride), 3);
  }
};

}  // namespace dak::cpu
