// Fused multiply-adds on f32: a vector of bf16 pairs is two vectors of f32, by a shift and a mask.
#include <immintrin.h>

#include "dakkar/device/cpu/panel_codes_avx512.h"
#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

constexpr int kGroups = 4;

template <int kRows>
struct Sums {
  __m512 of[kRows][kGroups];

  void clear() {
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) {
        of[r][g] = _mm512_setzero_ps();
      }
    }
  }

  /// Adds the two columns of a pair, at `x` [2][rows], for the outputs of group `g`.
  void multiply(int g, __m512 even, __m512 odd, const float* x) {
    for (int r = 0; r < kRows; ++r) {
      of[r][g] = _mm512_fmadd_ps(_mm512_set1_ps(x[r]), even, of[r][g]);
    }
    for (int r = 0; r < kRows; ++r) {
      of[r][g] = _mm512_fmadd_ps(_mm512_set1_ps(x[kRows + r]), odd, of[r][g]);
    }
  }

  /// As above for bf16 pairs.
  void multiply(int g, __m512i words, const float* x) {
    multiply(g, _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)),
             _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(-0x10000))), x);
  }

  /// Multiplies by the scales of the 64 outputs and adds to the sums at `to`.
  void add_scaled(const __m512 (&scales)[kGroups], float* to) const {
    for (int g = 0; g < kGroups; ++g) {
      for (int r = 0; r < kRows; ++r) {
        float* at = to + r * kPanel + g * kGroup;
        _mm512_storeu_ps(at, _mm512_fmadd_ps(of[r][g], scales[g], _mm512_loadu_ps(at)));
      }
    }
  }
};

template <int kRows>
void multiply_plain(const GroupProduct& product) {
  Sums<kRows> sums;
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) {
      sums.of[r][g] = _mm512_loadu_ps(product.sums + r * kPanel + g * kGroup);
    }
  }
  const auto* x = static_cast<const float*>(product.x);
  for (int64_t pair = 0; pair < product.pairs; ++pair) {
    const uint16_t* values = product.values + pair * kPanel * 2;
    for (int g = 0; g < kGroups; ++g) {
      sums.multiply(g, _mm512_loadu_si512(values + g * kGroup * 2), x + 2 * pair * kRows);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) {
      _mm512_storeu_ps(product.sums + r * kPanel + g * kGroup, sums.of[r][g]);
    }
  }
}

template <int kRows>
void multiply_scaled(const GroupProduct& product) {
  const auto* x = static_cast<const float*>(product.x);
  const uint16_t* values = product.values;
  const float* scales = product.scales;
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs) {
    Sums<kRows> sums;
    sums.clear();
    for (int64_t i = 0; i < kScaledPairs; ++i) {
      for (int g = 0; g < kGroups; ++g) {
        sums.multiply(g, _mm512_loadu_si512(values + g * kGroup * 2), x + 2 * (pair + i) * kRows);
      }
      values += kPanel * 2;
    }
    sums.add_scaled({_mm512_loadu_ps(scales), _mm512_loadu_ps(scales + kGroup),
                     _mm512_loadu_ps(scales + 2 * kGroup), _mm512_loadu_ps(scales + 3 * kGroup)},
                    product.sums);
    scales += kPanel;
  }
}

template <int kRows>
void multiply(const GroupProduct& product) {
  if (product.scales == nullptr) {
    return multiply_plain<kRows>(product);
  }
  multiply_scaled<kRows>(product);
}

void decode_nvfp4(const PackedChunk& chunk) {
  const __m512i values = _mm512_load_si512(kE2m1Values);
  const std::byte* codes = chunk.codes;
  uint16_t* to = chunk.values;
  for (int64_t block = 0; block < chunk.pairs / kScaledPairs; ++block) {
    for (int64_t half = 0; half < kPanel; half += kPanel / 2) {
      const F32Scales scales(codes + half);
      _mm512_storeu_ps(chunk.scales + block * kPanel + half, scales.low);
      _mm512_storeu_ps(chunk.scales + block * kPanel + half + kGroup, scales.high);
    }
    codes += kPanel;
    for (int64_t pair = 0; pair < kScaledPairs; ++pair) {
      const __m512i words = _mm512_loadu_si512(codes);
      _mm512_storeu_si512(to, _mm512_permutexvar_epi16(words, values));
      _mm512_storeu_si512(to + 32, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 4), values));
      _mm512_storeu_si512(to + 64, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 8), values));
      _mm512_storeu_si512(to + 96, _mm512_permutexvar_epi16(_mm512_srli_epi16(words, 12), values));
      codes += kNvfp4PairBytes;
      to += kPanel * 2;
    }
  }
}

/// A lane's eight codes are those of four groups in two columns; the lookup reads four bits.
template <int kRows>
void multiply_nvfp4(const PackedProduct& product) {
  const __m512 values = _mm512_setr_ps(0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, -0.0F, -0.5F,
                                       -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F);
  const auto* x = static_cast<const float*>(product.x);
  const std::byte* codes = product.codes;
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs) {
    const F32Scales first(codes);
    const F32Scales second(codes + kPanel / 2);
    prefetch(codes);
    codes += kPanel;
    Sums<kRows> sums;
    sums.clear();
    for (int64_t i = 0; i < kScaledPairs; ++i) {
      const __m512i lanes = _mm512_loadu_si512(codes);
      prefetch(codes);
      for (int g = 0; g < kGroups; ++g) {
        const auto shift = static_cast<unsigned>(4 * g);
        const __m512i even = _mm512_srli_epi32(lanes, shift);
        const __m512i odd = _mm512_srli_epi32(lanes, shift + 16);
        sums.multiply(g, _mm512_permutexvar_ps(even, values), _mm512_permutexvar_ps(odd, values),
                      x + 2 * (pair + i) * kRows);
      }
      codes += kNvfp4PairBytes;
    }
    sums.add_scaled({first.low, first.high, second.low, second.high}, product.sums);
  }
}

/// 64 e4m3 codes as bf16, by the bytes: as `decode_fp8_avx2`.
struct Bf16Codes {
  explicit Bf16Codes(__m512i codes) {
    const __m512i small_low =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0, -0x80, -0x40, 0, 0x20, 0x40, 0x60, -0x80, -0x70,
                                             -0x60, -0x50, -0x40, -0x30, -0x20, -0x10));
    const __m512i small_high =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 0x3b, 0x3b, 0x3b, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c,
                                             0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c));
    const __m512i nibble = _mm512_set1_epi8(0x0f);
    const __m512i magnitude = _mm512_and_si512(codes, _mm512_set1_epi8(0x7f));
    const __mmask64 large = _mm512_cmpgt_epi8_mask(magnitude, nibble);
    const __m512i top = _mm512_and_si512(_mm512_srli_epi16(magnitude, 4), nibble);
    const __m512i bottom = _mm512_andnot_si512(nibble, _mm512_slli_epi16(magnitude, 4));
    const __m512i low =
        _mm512_mask_blend_epi8(large, _mm512_shuffle_epi8(small_low, magnitude), bottom);
    const __m512i positive = _mm512_mask_add_epi8(_mm512_shuffle_epi8(small_high, magnitude), large,
                                                  top, _mm512_set1_epi8(0x3c));
    const __m512i sign = _mm512_and_si512(codes, _mm512_set1_epi8(-0x80));
    const __m512i high = _mm512_or_si512(positive, sign);
    first = _mm512_unpacklo_epi8(low, high);
    second = _mm512_unpackhi_epi8(low, high);
  }

  __m512i first;
  __m512i second;
};

template <int kRows>
void multiply_fp8(const PackedProduct& product) {
  const auto* x = static_cast<const float*>(product.x);
  Sums<kRows> sums;
  sums.clear();
  for (int64_t pair = 0; pair < product.pairs; ++pair) {
    const std::byte* codes = product.codes + pair * kFp8PairBytes;
    for (int half = 0; half < 2; ++half) {
      const Bf16Codes words(_mm512_loadu_si512(codes + 64 * half));
      prefetch(codes + 64 * half);
      sums.multiply(2 * half, words.first, x + 2 * pair * kRows);
      sums.multiply(2 * half + 1, words.second, x + 2 * pair * kRows);
    }
  }
  const __m512 one = _mm512_set1_ps(1.0F);
  sums.add_scaled({one, one, one, one}, product.sums);
}

}  // namespace

// More rows share what is decoded once.
const PanelKernels kPanelsAvx512 = {
    .form = InputForm::kF32Columns,
    .decode_nvfp4 = decode_nvfp4,
    .decode_fp8 = decode_fp8_avx2,
    .multiply = {multiply<1>, multiply<2>, multiply<3>, multiply<4>, multiply<5>, multiply<6>},
    .multiply_nvfp4 = {multiply_nvfp4<1>, multiply_nvfp4<2>},
    .multiply_fp8 = {multiply_fp8<1>, multiply_fp8<2>}};

}  // namespace dak::cpu
