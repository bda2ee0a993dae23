#pragma once

#include <cstddef>
#include <cstdint>

#include <immintrin.h>

#include "dakkar/device/cpu/panels.h"

/// Codes of panels as AVX-512 looks them up. Included only by files compiled for AVX-512; all of it
/// is internal to them.
namespace dak::cpu {
namespace {

/// bf16 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, twice: the lookup reads five bits of an
/// index, the fifth belonging to another code.
alignas(64) constexpr uint16_t kE2m1Values[32] = {
    0,      0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040, 0x4080, 0x40c0, 0x8000, 0xbf00, 0xbf80,
    0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0, 0,      0x3f00, 0x3f80, 0x3fc0, 0x4000, 0x4040,
    0x4080, 0x40c0, 0x8000, 0xbf00, 0xbf80, 0xbfc0, 0xc000, 0xc040, 0xc080, 0xc0c0};

/// Reads memory some way ahead of the codes in use.
inline void prefetch(const std::byte* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes + kBytesAhead), _MM_HINT_T0);
}

/// The values of 32 e4m3 codes.
struct F32Scales {
  /// Codes moved into the fields of f16 are their values times 2^-8, subnormals too.
  explicit F32Scales(const std::byte* codes) {
    const __m512i words =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)));
    const __m512i f16 = _mm512_and_si512(_mm512_slli_epi16(words, 7), _mm512_set1_epi16(-0x4080));
    const __m512 unit = _mm512_set1_ps(0x1p8F);
    low = _mm512_mul_ps(_mm512_cvtph_ps(_mm512_castsi512_si256(f16)), unit);
    high = _mm512_mul_ps(_mm512_cvtph_ps(_mm512_extracti64x4_epi64(f16, 1)), unit);
  }

  __m512 low;
  __m512 high;
};

}  // namespace
}  // namespace dak::cpu
