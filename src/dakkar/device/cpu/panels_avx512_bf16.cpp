// Dot products of bf16 pairs: one instruction takes 32 weights. Both columns of a pair are added
// into the lane of their output, one after the other, each with one rounding. Codes are looked up
// on their way into a register: the ports that do it are not those that multiply.
#include <immintrin.h>

#include "dakkar/device/cpu/panel_codes_avx512.h"
#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

constexpr int kGroups = 4;

__m512bh as_pairs(__m512i words) {
  return reinterpret_cast<__m512bh>(words);
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

/// 64 e4m3 codes as bf16: outputs of two groups, interleaved in lanes of 16 bytes.
class Fp8Codes {
 public:
  explicit Fp8Codes(const CodeBytes& bytes)
      : low_first_(_mm512_load_si512(bytes.low)),
        low_second_(_mm512_load_si512(bytes.low + 64)),
        high_first_(_mm512_load_si512(bytes.high)),
        high_second_(_mm512_load_si512(bytes.high + 64)) {}

  void decode(__m512i codes, __m512i* first, __m512i* second) const {
    const __m512i low = _mm512_permutex2var_epi8(low_first_, codes, low_second_);
    const __m512i magnitude = _mm512_permutex2var_epi8(high_first_, codes, high_second_);
    // magnitude | (codes & sign)
    const __m512i high = _mm512_ternarylogic_epi32(magnitude, codes, _mm512_set1_epi8(-0x80), 0xf8);
    *first = _mm512_unpacklo_epi8(low, high);
    *second = _mm512_unpackhi_epi8(low, high);
  }

 private:
  __m512i low_first_;
  __m512i low_second_;
  __m512i high_first_;
  __m512i high_second_;
};

/// Which scale of a block stands where, for the four groups to come out of `Fp8Codes` in the halves
/// of its words.
struct ScaleOrder {
  alignas(64) uint8_t of[kPanel];
};

constexpr ScaleOrder make_scale_order() {
  ScaleOrder order{};
  for (int64_t n = 0; n < kPanel; ++n) {
    const int64_t group = n / kGroup;
    const int64_t i = n % kGroup;
    order.of[i / 4 * 16 + group / 2 * 8 + i % 4 * 2 + group % 2] = static_cast<uint8_t>(n);
  }
  return order;
}

constexpr ScaleOrder kScaleOrder = make_scale_order();

/// The scales of one block of columns.
struct BlockScales {
  BlockScales(const CodeBytes& values, const std::byte* codes) {
    const __m512i ordered =
        _mm512_permutexvar_epi8(_mm512_load_si512(kScaleOrder.of), _mm512_loadu_si512(codes));
    __m512i words[2];
    Fp8Codes(values).decode(ordered, &words[0], &words[1]);
    for (int half = 0; half < 2; ++half) {
      const __m512i second = _mm512_and_si512(words[half], _mm512_set1_epi32(-0x10000));
      of[2 * half] = _mm512_castsi512_ps(_mm512_slli_epi32(words[half], 16));
      of[2 * half + 1] = _mm512_castsi512_ps(second);
    }
  }

  __m512 of[kGroups];
};

/// Weights of one pair of columns: 64 outputs.
struct PairOfColumns {
  __m512bh of[kGroups];
};

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

  // Copies in loops would make the compiler keep the sums in memory.
  template <int kRow = 0>
  void load(const float* from) {
    of[kRow][0] = _mm512_loadu_ps(from);
    of[kRow][1] = _mm512_loadu_ps(from + kGroup);
    of[kRow][2] = _mm512_loadu_ps(from + 2 * kGroup);
    of[kRow][3] = _mm512_loadu_ps(from + 3 * kGroup);
    if constexpr (kRow + 1 < kRows) {
      load<kRow + 1>(from + kPanel);
    }
  }

  template <int kRow = 0>
  void store(float* to) const {
    _mm512_storeu_ps(to, of[kRow][0]);
    _mm512_storeu_ps(to + kGroup, of[kRow][1]);
    _mm512_storeu_ps(to + 2 * kGroup, of[kRow][2]);
    _mm512_storeu_ps(to + 3 * kGroup, of[kRow][3]);
    if constexpr (kRow + 1 < kRows) {
      store<kRow + 1>(to + kPanel);
    }
  }

  /// Adds one pair of the rows, which lie at `x`.
  void multiply(const PairOfColumns& w, const int* x) {
    for (int r = 0; r < kRows; ++r) {
      const __m512bh input = as_pairs(_mm512_set1_epi32(x[r]));
      for (int g = 0; g < kGroups; ++g) {
        of[r][g] = _mm512_dpbf16_ps(of[r][g], w.of[g], input);
      }
    }
  }

  /// Adds `sums` times the scales of their outputs.
  void add_scaled(const Sums& sums, const BlockScales& scales) {
    for (int r = 0; r < kRows; ++r) {
      for (int g = 0; g < kGroups; ++g) {
        of[r][g] = _mm512_fmadd_ps(sums.of[r][g], scales.of[g], of[r][g]);
      }
    }
  }
};

PairOfColumns load_pair(const uint16_t* values) {
  PairOfColumns pair;
  for (int g = 0; g < kGroups; ++g) {
    pair.of[g] = as_pairs(_mm512_loadu_si512(values + g * kGroup * 2));
  }
  return pair;
}

template <int kRows>
void multiply(const GroupProduct& product) {
  const auto* x = static_cast<const int*>(product.x);
  Sums<kRows> sums;
  sums.load(product.sums);
  for (int64_t pair = 0; pair < product.pairs; ++pair) {
    sums.multiply(load_pair(product.values + pair * kPanel * 2), x + pair * kRows);
  }
  sums.store(product.sums);
}

/// As `prefetch` where arithmetic and memory take as long: also asks further ahead for the second
/// cache, which waits for more lines at a time.
void prefetch_twice(const std::byte* codes) {
  constexpr int64_t kFar = 16384;
  constexpr int64_t kNear = 2048;
  _mm_prefetch(reinterpret_cast<const char*>(codes + kFar), _MM_HINT_T1);
  _mm_prefetch(reinterpret_cast<const char*>(codes + kNear), _MM_HINT_T0);
}

/// Rows `kRow` to `kRow + kRows` of a group of `kOf`, few enough for the sums of a block and of the
/// whole panel to stay in registers: sums that go through memory after each block cost a third of
/// the time.
template <int kOf, int kRow, int kRows>
void multiply_nvfp4_rows(const PackedProduct& product) {
  // Read anew for each block: the registers are needed for sums.
  const CodeBytes* volatile scale_values = &kCodeBytes;
  const auto* x = static_cast<const int*>(product.x) + kRow;
  const std::byte* codes = product.codes;
  const __m512i values = _mm512_load_si512(kE2m1Values);
  Sums<kRows> totals;
  totals.load(product.sums + kRow * kPanel);
  for (int64_t pair = 0; pair < product.pairs; pair += kScaledPairs) {
    const std::byte* block = codes;
    codes += kPanel;
    Sums<kRows> sums;
    sums.clear();
    prefetch_twice(block);
    for (int64_t i = 0; i < kScaledPairs; ++i) {
      const __m512i words = _mm512_loadu_si512(codes);
      prefetch_twice(codes);
      const auto lookup = [&](__m512i index) {
        return as_pairs(_mm512_permutexvar_epi16(index, values));
      };
      sums.multiply({lookup(words), lookup(_mm512_srli_epi16(words, 4)),
                     lookup(_mm512_srli_epi16(words, 8)), lookup(_mm512_srli_epi16(words, 12))},
                    x + (pair + i) * kOf);
      codes += kNvfp4PairBytes;
    }
    totals.add_scaled(sums, BlockScales(*scale_values, block));
  }
  totals.store(product.sums + kRow * kPanel);
}

template <int kRows>
void multiply_nvfp4(const PackedProduct& product) {
  if constexpr (kRows <= 3) {
    multiply_nvfp4_rows<kRows, 0, kRows>(product);
  } else {
    constexpr int kFirst = (kRows + 1) / 2;
    multiply_nvfp4_rows<kRows, 0, kFirst>(product);
    multiply_nvfp4_rows<kRows, kFirst, kRows - kFirst>(product);
  }
}

template <int kRows>
void multiply_fp8(const PackedProduct& product) {
  const Fp8Codes table(kCodeBytes);
  const auto* x = static_cast<const int*>(product.x);
  Sums<kRows> sums;
  sums.load(product.sums);
  for (int64_t pair = 0; pair < product.pairs; ++pair) {
    const std::byte* codes = product.codes + pair * kFp8PairBytes;
    prefetch(codes);
    prefetch(codes + 64);
    __m512i words[kGroups];
    table.decode(_mm512_loadu_si512(codes), &words[0], &words[1]);
    table.decode(_mm512_loadu_si512(codes + 64), &words[2], &words[3]);
    sums.multiply({as_pairs(words[0]), as_pairs(words[1]), as_pairs(words[2]), as_pairs(words[3])},
                  x + pair * kRows);
  }
  sums.store(product.sums);
}

}  // namespace

const PanelKernels kPanelsAvx512Bf16 = {
    .form = InputForm::kBf16Pairs,
    .multiply = {multiply<1>, multiply<2>, multiply<3>, multiply<4>, multiply<5>, multiply<6>},
    .multiply_nvfp4 = {multiply_nvfp4<1>, multiply_nvfp4<2>, multiply_nvfp4<3>, multiply_nvfp4<4>,
                       multiply_nvfp4<5>, multiply_nvfp4<6>},
    .multiply_fp8 = {multiply_fp8<1>, multiply_fp8<2>, multiply_fp8<3>, multiply_fp8<4>,
                     multiply_fp8<5>, multiply_fp8<6>}};

}  // namespace dak::cpu
