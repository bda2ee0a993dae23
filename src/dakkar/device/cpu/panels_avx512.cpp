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
};

/// Multiplies pairs [begin, end) into `sums`.
template <int kRows>
inline void multiply_pairs(const GroupProduct& product, int64_t begin, int64_t end,
                           Sums<kRows>& sums) {
  const __m512i high_half = _mm512_set1_epi32(-0x10000);
  for (int64_t pair = begin; pair < end; ++pair) {
    const float* x = static_cast<const float*>(product.x) + 2 * pair * kRows;
    const uint16_t* values = product.values + pair * kPanel * 2;
    for (int g = 0; g < kGroups; ++g) {
      const __m512i words = _mm512_loadu_si512(values + g * kGroup * 2);
      const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
      const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(words, high_half));
      for (int r = 0; r < kRows; ++r) {
        sums.of[r][g] = _mm512_fmadd_ps(_mm512_set1_ps(x[r]), even, sums.of[r][g]);
      }
      for (int r = 0; r < kRows; ++r) {
        sums.of[r][g] = _mm512_fmadd_ps(_mm512_set1_ps(x[kRows + r]), odd, sums.of[r][g]);
      }
    }
  }
}

template <int kRows>
void multiply_plain(const GroupProduct& product) {
  Sums<kRows> sums;
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) {
      sums.of[r][g] = _mm512_loadu_ps(product.sums + r * kPanel + g * kGroup);
    }
  }
  multiply_pairs<kRows>(product, 0, product.pairs, sums);
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) {
      _mm512_storeu_ps(product.sums + r * kPanel + g * kGroup, sums.of[r][g]);
    }
  }
}

template <int kRows>
void multiply_scaled(const GroupProduct& product) {
  const float* scales = product.scales;
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs, scales += kPanel) {
    Sums<kRows> sums;
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) {
        sums.of[r][g] = _mm512_setzero_ps();
      }
    }
    multiply_pairs<kRows>(product, pair, pair + kScaledPairs, sums);
    for (int g = 0; g < kGroups; ++g) {
      const __m512 scale = _mm512_loadu_ps(scales + g * kGroup);
      for (int r = 0; r < kRows; ++r) {
        float* to = product.sums + r * kPanel + g * kGroup;
        _mm512_storeu_ps(to, _mm512_fmadd_ps(sums.of[r][g], scale, _mm512_loadu_ps(to)));
      }
    }
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

}  // namespace

const PanelKernels kPanelsAvx512 = {
    .form = InputForm::kF32Columns,
    .decode_nvfp4 = decode_nvfp4,
    .decode_fp8 = decode_fp8_avx2,
    .multiply = {multiply<1>, multiply<2>, multiply<3>, multiply<4>, multiply<5>, multiply<6>}};

}  // namespace dak::cpu
