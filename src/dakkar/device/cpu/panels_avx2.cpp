// As the AVX-512 form, in strips of outputs narrow enough for sixteen registers.
#include <immintrin.h>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

/// Outputs of one vector.
constexpr int kLanes = 8;

/// Vectors of outputs that are multiplied together: enough sums for additions not to wait on one
/// another, few enough to stay in registers.
constexpr int vectors_for(int rows) {
  return rows == 1 ? 8 : rows <= 3 ? 4 : 2;
}

template <int kRows>
struct Sums {
  static constexpr int kVectors = vectors_for(kRows);
  __m256 of[kRows][kVectors];
};

__m256i load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

/// Reads memory some way ahead of the codes in use.
void prefetch(const std::byte* codes) {
  _mm_prefetch(reinterpret_cast<const char*>(codes + kBytesAhead), _MM_HINT_T0);
}

void store(void* to, __m256i value) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), value);
}

/// Pairs [begin, end) of the outputs from `output` on.
struct Strip {
  int64_t output = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

template <int kRows>
inline void multiply_pairs(const GroupProduct& product, const Strip& strip, Sums<kRows>& sums) {
  const __m256i high_half = _mm256_set1_epi32(-0x10000);
  for (int64_t pair = strip.begin; pair < strip.end; ++pair) {
    const float* x = static_cast<const float*>(product.x) + 2 * pair * kRows;
    const uint16_t* values = product.values + (pair * kPanel + strip.output) * 2;
    for (int v = 0; v < Sums<kRows>::kVectors; ++v) {
      const __m256i words = load(values + v * kLanes * 2);
      const __m256 even = _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
      for (int r = 0; r < kRows; ++r) {
        sums.of[r][v] = _mm256_fmadd_ps(_mm256_set1_ps(x[r]), even, sums.of[r][v]);
      }
      const __m256 odd = _mm256_castsi256_ps(_mm256_and_si256(words, high_half));
      for (int r = 0; r < kRows; ++r) {
        sums.of[r][v] = _mm256_fmadd_ps(_mm256_set1_ps(x[kRows + r]), odd, sums.of[r][v]);
      }
    }
  }
}

template <int kRows>
void multiply_plain(const GroupProduct& product, int64_t output) {
  Sums<kRows> sums;
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < Sums<kRows>::kVectors; ++v) {
      sums.of[r][v] = _mm256_loadu_ps(product.sums + r * kPanel + output + v * kLanes);
    }
  }
  multiply_pairs<kRows>(product, {.output = output, .begin = 0, .end = product.pairs}, sums);
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < Sums<kRows>::kVectors; ++v) {
      _mm256_storeu_ps(product.sums + r * kPanel + output + v * kLanes, sums.of[r][v]);
    }
  }
}

template <int kRows>
void multiply_scaled(const GroupProduct& product, int64_t output) {
  const float* scales = product.scales + output;
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs, scales += kPanel) {
    Sums<kRows> sums;
    for (int r = 0; r < kRows; ++r) {
      for (int v = 0; v < Sums<kRows>::kVectors; ++v) {
        sums.of[r][v] = _mm256_setzero_ps();
      }
    }
    multiply_pairs<kRows>(product, {.output = output, .begin = pair, .end = pair + kScaledPairs},
                          sums);
    for (int v = 0; v < Sums<kRows>::kVectors; ++v) {
      const __m256 scale = _mm256_loadu_ps(scales + v * kLanes);
      for (int r = 0; r < kRows; ++r) {
        float* to = product.sums + r * kPanel + output + v * kLanes;
        _mm256_storeu_ps(to, _mm256_fmadd_ps(sums.of[r][v], scale, _mm256_loadu_ps(to)));
      }
    }
  }
}

template <int kRows>
void multiply(const GroupProduct& product) {
  for (int64_t output = 0; output < kPanel; output += Sums<kRows>::kVectors * kLanes) {
    if (product.scales == nullptr) {
      multiply_plain<kRows>(product, output);
    } else {
      multiply_scaled<kRows>(product, output);
    }
  }
}

/// 64 e4m3 codes: moved into the fields of f16 they are their values times 2^-8, subnormals too.
void decode_scales(const std::byte* codes, float* to) {
  for (int i = 0; i < kPanel; i += 16) {
    const __m256i words =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i)));
    const __m256i f16 = _mm256_and_si256(_mm256_slli_epi16(words, 7), _mm256_set1_epi16(-0x4080));
    const __m256 unit = _mm256_set1_ps(0x1p8F);
    const __m256 first = _mm256_cvtph_ps(_mm256_castsi256_si128(f16));
    const __m256 second = _mm256_cvtph_ps(_mm256_extracti128_si256(f16, 1));
    _mm256_storeu_ps(to + i, _mm256_mul_ps(first, unit));
    _mm256_storeu_ps(to + i + kLanes, _mm256_mul_ps(second, unit));
  }
}

/// The bytes of bf16 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.
__m256i e2m1_low_bytes() {
  return _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, -0x80, -0x40, 0, 0x40, -0x80, -0x40, 0, 0,
                                                   -0x80, -0x40, 0, 0x40, -0x80, -0x40));
}
__m256i e2m1_high_bytes() {
  return _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0x3f, 0x3f, 0x3f, 0x40, 0x40, 0x40, 0x40,
                                                   -0x80, -0x41, -0x41, -0x41, -0x40, -0x40, -0x40,
                                                   -0x40));
}

/// The bf16 values of 16 words of four codes each.
struct E2m1Words {
  explicit E2m1Words(__m256i words) {
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    lookup(_mm256_and_si256(words, nibble), of[0], of[2]);
    lookup(_mm256_and_si256(_mm256_srli_epi16(words, 4), nibble), of[1], of[3]);
  }

  __m256i of[4];

 private:
  /// The codes in the even bytes, then those in the odd bytes.
  static void lookup(__m256i codes, __m256i& even, __m256i& odd) {
    const __m256i low = _mm256_shuffle_epi8(e2m1_low_bytes(), codes);
    const __m256i high = _mm256_shuffle_epi8(e2m1_high_bytes(), codes);
    const __m256i low_byte = _mm256_set1_epi16(0xff);
    even = _mm256_or_si256(_mm256_slli_epi16(high, 8), _mm256_and_si256(low, low_byte));
    odd = _mm256_or_si256(_mm256_andnot_si256(low_byte, high), _mm256_srli_epi16(low, 8));
  }
};

void decode_nvfp4(const PackedChunk& chunk) {
  const std::byte* codes = chunk.codes;
  uint16_t* to = chunk.values;
  for (int64_t block = 0; block < chunk.pairs / kScaledPairs; ++block) {
    decode_scales(codes, chunk.scales + block * kPanel);
    codes += kPanel;
    for (int64_t half = 0; half < 2 * kScaledPairs; ++half) {
      const E2m1Words words(load(codes + half * 32));
      for (int64_t g = 0; g < 4; ++g) {
        store(to + half / 2 * kPanel * 2 + g * 32 + half % 2 * 16, words.of[g]);
      }
    }
    codes += kScaledPairs * kNvfp4PairBytes;
    to += kScaledPairs * kPanel * 2;
  }
}

/// 32 e4m3 codes as bf16. Below 16 the bytes of the value are looked up, subnormals among them;
/// above, the code's fields are shifted into place and the exponent's bias is changed by 120.
struct Fp8Words {
  explicit Fp8Words(__m256i codes) {
    const __m256i small_low =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0, -0x80, -0x40, 0, 0x20, 0x40, 0x60, -0x80,
                                                  -0x70, -0x60, -0x50, -0x40, -0x30, -0x20, -0x10));
    const __m256i small_high =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 0x3b, 0x3b, 0x3b, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c,
                                                  0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c));
    const __m256i nibble = _mm256_set1_epi8(0x0f);
    const __m256i magnitude = _mm256_and_si256(codes, _mm256_set1_epi8(0x7f));
    const __m256i large = _mm256_cmpgt_epi8(magnitude, nibble);
    const __m256i top = _mm256_and_si256(_mm256_srli_epi16(magnitude, 4), nibble);
    const __m256i bottom = _mm256_andnot_si256(nibble, _mm256_slli_epi16(magnitude, 4));
    const __m256i low =
        _mm256_blendv_epi8(_mm256_shuffle_epi8(small_low, magnitude), bottom, large);
    const __m256i positive =
        _mm256_blendv_epi8(_mm256_shuffle_epi8(small_high, magnitude),
                           _mm256_add_epi8(top, _mm256_set1_epi8(0x3c)), large);
    const __m256i sign = _mm256_and_si256(codes, _mm256_set1_epi8(-0x80));
    const __m256i high = _mm256_or_si256(positive, sign);
    first = _mm256_unpacklo_epi8(low, high);
    second = _mm256_unpackhi_epi8(low, high);
  }

  __m256i first;
  __m256i second;
};

/// The sum of one row and eight outputs, with a pair of columns added.
__m256 add_pair(__m256 sum, __m256i words, const float* x) {
  const __m256i high_half = _mm256_set1_epi32(-0x10000);
  sum =
      _mm256_fmadd_ps(_mm256_set1_ps(x[0]), _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)), sum);
  return _mm256_fmadd_ps(_mm256_set1_ps(x[1]),
                         _mm256_castsi256_ps(_mm256_and_si256(words, high_half)), sum);
}

/// One row's sums of 64 outputs: [group][half].
struct RowSums {
  __m256 of[4][2];

  RowSums() {
    for (auto& group : of) {
      group[0] = group[1] = _mm256_setzero_ps();
    }
  }
};

void multiply_nvfp4(const PackedProduct& product) {
  const auto* x = static_cast<const float*>(product.x);
  const std::byte* codes = product.codes;
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs) {
    float scales[kPanel];
    decode_scales(codes, scales);
    codes += kPanel;
    RowSums sums;
    for (int64_t i = 0; i < kScaledPairs; ++i) {
      for (int half = 0; half < 2; ++half) {
        const E2m1Words words(load(codes + half * 32));
        for (int g = 0; g < 4; ++g) {
          sums.of[g][half] = add_pair(sums.of[g][half], words.of[g], x + 2 * (pair + i));
        }
      }
      prefetch(codes);
      codes += kNvfp4PairBytes;
    }
    for (int v = 0; v < 8; ++v) {
      float* to = product.sums + v * kLanes;
      _mm256_storeu_ps(to,
                       _mm256_fmadd_ps(sums.of[v / 2][v % 2], _mm256_loadu_ps(scales + v * kLanes),
                                       _mm256_loadu_ps(to)));
    }
  }
}

void multiply_fp8(const PackedProduct& product) {
  const auto* x = static_cast<const float*>(product.x);
  const std::byte* codes = product.codes;
  RowSums sums;
  for (int64_t pair = 0; pair < product.pairs; ++pair) {
    for (int quarter = 0; quarter < 4; ++quarter) {
      const Fp8Words words(load(codes + quarter * 32));
      __m256& first = sums.of[quarter / 2 * 2][quarter % 2];
      __m256& second = sums.of[quarter / 2 * 2 + 1][quarter % 2];
      first = add_pair(first, words.first, x + 2 * pair);
      second = add_pair(second, words.second, x + 2 * pair);
    }
    prefetch(codes);
    prefetch(codes + 64);
    codes += kFp8PairBytes;
  }
  for (int v = 0; v < 8; ++v) {
    float* to = product.sums + v * kLanes;
    _mm256_storeu_ps(to, _mm256_add_ps(sums.of[v / 2][v % 2], _mm256_loadu_ps(to)));
  }
}

}  // namespace

void decode_fp8_avx2(const PackedChunk& chunk) {
  for (int64_t quarter = 0; quarter < 4 * chunk.pairs; ++quarter) {
    const Fp8Words words(load(chunk.codes + quarter * 32));
    uint16_t* to = chunk.values + quarter / 2 * 64 + quarter % 2 * 16;
    store(to, words.first);
    store(to + 32, words.second);
  }
}

void round_to_e4m3_avx2(float* values, int64_t count, float scale) {
  const __m256i all_but_sign = _mm256_set1_epi32(0x7fffffff);
  const __m256 smallest_normal = _mm256_set1_ps(0x1p-6F);
  const __m256 largest = _mm256_set1_ps(448.0F);
  for (int64_t i = 0; i < count; i += kLanes) {
    // The last vector may end behind the values: lanes that are masked off are not touched.
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const int64_t left = count - i;
    const __m256i mask = _mm256_cmpgt_epi32(
        _mm256_set1_epi32(left < kLanes ? static_cast<int>(left) : kLanes), lane);
    const __m256 value = _mm256_div_ps(_mm256_maskload_ps(values + i, mask), _mm256_set1_ps(scale));
    const __m256 magnitude = _mm256_and_ps(value, _mm256_castsi256_ps(all_but_sign));
    const __m256i bits = _mm256_castps_si256(magnitude);
    // Half a unit of the fourth mantissa bit, and ties go to the even one.
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 20), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7ffff)));
    const __m256 normal = _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(-0x100000)));
    // Multiples of 2^-9 below.
    const __m256 small =
        _mm256_mul_ps(_mm256_round_ps(_mm256_mul_ps(magnitude, _mm256_set1_ps(0x1p9F)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                      _mm256_set1_ps(0x1p-9F));
    __m256 rounded =
        _mm256_blendv_ps(normal, small, _mm256_cmp_ps(magnitude, smallest_normal, _CMP_LT_OQ));
    rounded = _mm256_blendv_ps(rounded, largest, _mm256_cmp_ps(magnitude, largest, _CMP_GE_OQ));
    rounded = _mm256_blendv_ps(rounded, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fc00000)),
                               _mm256_cmp_ps(value, value, _CMP_UNORD_Q));
    const __m256 sign = _mm256_andnot_ps(_mm256_castsi256_ps(all_but_sign), value);
    _mm256_maskstore_ps(values + i, mask, _mm256_or_ps(rounded, sign));
  }
}

const PanelKernels kPanelsAvx2 = {
    .form = InputForm::kF32Columns,
    .decode_nvfp4 = decode_nvfp4,
    .decode_fp8 = decode_fp8_avx2,
    .multiply = {multiply<1>, multiply<2>, multiply<3>, multiply<4>, multiply<5>, multiply<6>},
    .multiply_nvfp4 = {multiply_nvfp4},
    .multiply_fp8 = {multiply_fp8}};

}  // namespace dak::cpu
