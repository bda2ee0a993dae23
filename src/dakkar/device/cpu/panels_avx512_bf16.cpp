// Dot products of bf16 pairs: one instruction takes 32 weights. Both columns of a pair are added
// into the lane of their output, one after the other, each with one rounding.
#include <immintrin.h>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

constexpr int kGroups = 4;

__m512bh as_pairs(__m512i words) {
  return reinterpret_cast<__m512bh>(words);
}

template <int kRows>
struct Sums {
  __m512 of[kRows][kGroups];
};

/// Multiplies pairs [begin, end) into `sums`.
template <int kRows>
inline void multiply_pairs(const GroupProduct& product, int64_t begin, int64_t end,
                           Sums<kRows>& sums) {
  const auto* x = static_cast<const int*>(product.x);
  for (int64_t pair = begin; pair < end; ++pair) {
    const uint16_t* values = product.values + pair * kPanel * 2;
    __m512bh w[kGroups];
    for (int g = 0; g < kGroups; ++g) {
      w[g] = as_pairs(_mm512_loadu_si512(values + g * kGroup * 2));
    }
    for (int r = 0; r < kRows; ++r) {
      const __m512bh input = as_pairs(_mm512_set1_epi32(x[pair * kRows + r]));
      for (int g = 0; g < kGroups; ++g) {
        sums.of[r][g] = _mm512_dpbf16_ps(sums.of[r][g], w[g], input);
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

/// The low or high bytes of the bf16 values of e4m3 codes 0 to 127.
struct CodeBytes {
  alignas(64) uint8_t low[128];
  alignas(64) uint8_t high[128];
};

constexpr CodeBytes make_code_bytes() {
  CodeBytes bytes{};
  for (int code = 1; code < 128; ++code) {
    int exponent = code >> 3;
    int mantissa = code & 7;
    if (exponent == 0) {
      // A multiple of 2^-9: shifted up until its leading bit is the implicit one.
      exponent = 1;
      while (mantissa < 8) {
        mantissa *= 2;
        --exponent;
      }
      mantissa -= 8;
    }
    const int bits = (exponent + 120) << 7 | mantissa << 4;
    bytes.low[code] = static_cast<uint8_t>(bits & 0xff);
    bytes.high[code] = static_cast<uint8_t>(bits >> 8);
  }
  return bytes;
}

constexpr CodeBytes kCodeBytes = make_code_bytes();

void decode_fp8(const PackedChunk& chunk) {
  const __m512i low_first = _mm512_load_si512(kCodeBytes.low);
  const __m512i low_second = _mm512_load_si512(kCodeBytes.low + 64);
  const __m512i high_first = _mm512_load_si512(kCodeBytes.high);
  const __m512i high_second = _mm512_load_si512(kCodeBytes.high + 64);
  const __m512i sign = _mm512_set1_epi8(-0x80);
  for (int64_t half = 0; half < 2 * chunk.pairs; ++half) {
    const __m512i codes = _mm512_loadu_si512(chunk.codes + half * 64);
    const __m512i low = _mm512_permutex2var_epi8(low_first, codes, low_second);
    const __m512i magnitude = _mm512_permutex2var_epi8(high_first, codes, high_second);
    // magnitude | (codes & sign)
    const __m512i high = _mm512_ternarylogic_epi32(magnitude, codes, sign, 0xf8);
    uint16_t* to = chunk.values + half * 64;
    _mm512_storeu_si512(to, _mm512_unpacklo_epi8(low, high));
    _mm512_storeu_si512(to + 32, _mm512_unpackhi_epi8(low, high));
  }
}

}  // namespace

const PanelKernels kPanelsAvx512Bf16 = {
    .form = InputForm::kBf16Pairs,
    .decode_nvfp4 = decode_nvfp4_avx512,
    .decode_fp8 = decode_fp8,
    .multiply = {multiply<1>, multiply<2>, multiply<3>, multiply<4>, multiply<5>, multiply<6>}};

}  // namespace dak::cpu
