// Bytes moved: as in the AVX-512 form; a column of a panel is four vectors of eight outputs.
#include <immintrin.h>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

constexpr int kVectors = 4;

/// One column of a panel: outputs 0..7, 8..15, 16..23, 24..31.
struct Column {
  __m256 part[kVectors];
};

/// Reads bf16 panels column by column.
class Bf16Reader {
 public:
  static constexpr float kUnit = 1.0F;

  explicit Bf16Reader(const std::byte* panel) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k * kBf16ColumnBytes; }
  void enter_block(int64_t /*block*/) {}

  [[nodiscard]] Column column(int64_t k) const {
    const auto* pairs = reinterpret_cast<const __m256i*>(panel_ + k * kBf16ColumnBytes);
    const __m256i first = _mm256_loadu_si256(pairs);
    const __m256i second = _mm256_loadu_si256(pairs + 1);
    const __m256i high_half = _mm256_set1_epi32(-0x10000);
    return {{_mm256_castsi256_ps(_mm256_slli_epi32(first, 16)),
             _mm256_castsi256_ps(_mm256_slli_epi32(second, 16)),
             _mm256_castsi256_ps(_mm256_and_si256(first, high_half)),
             _mm256_castsi256_ps(_mm256_and_si256(second, high_half))}};
  }

 private:
  const std::byte* panel_;
};

/// Reads nvfp4 panels: values are looked up doubled, as small integers, and scales are halved; the
/// product is exact in f32.
class Nvfp4Reader {
 public:
  static constexpr float kUnit = 1.0F;

  explicit Nvfp4Reader(const std::byte* panel) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k / kScaledColumns * kNvfp4BlockBytes; }

  void enter_block(int64_t block) {
    block_ = panel_ + block * kNvfp4BlockBytes;
    for (int i = 0; i < kVectors; ++i) {
      half_scale_[i] = half_scales(block_ + 8 * i);
    }
  }

  [[nodiscard]] Column column(int64_t k) const {
    const std::byte* codes = block_ + kPanel + k % kScaledColumns * 16;
    const __m128i pairs = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes));
    const __m128i doubled = _mm_setr_epi8(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    const __m128i nibble = _mm_set1_epi8(0x0f);
    const __m128i low = _mm_shuffle_epi8(doubled, _mm_and_si128(pairs, nibble));
    const __m128i high = _mm_shuffle_epi8(doubled, _mm_and_si128(_mm_srli_epi16(pairs, 4), nibble));
    return {{scaled(low, 0), scaled(_mm_srli_si128(low, 8), 1), scaled(high, 2),
             scaled(_mm_srli_si128(high, 8), 3)}};
  }

 private:
  [[nodiscard]] __m256 scaled(__m128i eight, int part) const {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight)), half_scale_[part]);
  }

  /// Eight e4m3 values, halved: their bits moved into f32's fields are the value times 2^-120.
  static __m256 half_scales(const std::byte* from) {
    const __m256i bytes =
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
    const __m256i sign = _mm256_slli_epi32(_mm256_srli_epi32(bytes, 7), 31);
    const __m256i magnitude =
        _mm256_slli_epi32(_mm256_and_si256(bytes, _mm256_set1_epi32(0x7f)), 20);
    return _mm256_mul_ps(_mm256_castsi256_ps(_mm256_or_si256(sign, magnitude)),
                         _mm256_set1_ps(0x1p119F));
  }

  const std::byte* panel_;
  const std::byte* block_ = nullptr;
  __m256 half_scale_[kVectors];
};

/// Reads fp8 panels by way of f16, as the AVX-512 form does.
class Fp8Reader {
 public:
  static constexpr float kUnit = 0x1p8F;

  explicit Fp8Reader(const std::byte* panel) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k * kPanel; }
  void enter_block(int64_t /*block*/) {}

  [[nodiscard]] Column column(int64_t k) const {
    const auto* codes = reinterpret_cast<const __m128i*>(panel_ + k * kPanel);
    const __m256i first = halves(_mm_loadu_si128(codes));
    const __m256i second = halves(_mm_loadu_si128(codes + 1));
    return {{_mm256_cvtph_ps(_mm256_castsi256_si128(first)),
             _mm256_cvtph_ps(_mm256_extracti128_si256(first, 1)),
             _mm256_cvtph_ps(_mm256_castsi256_si128(second)),
             _mm256_cvtph_ps(_mm256_extracti128_si256(second, 1))}};
  }

 private:
  static __m256i halves(__m128i codes) {
    return _mm256_and_si256(_mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7),
                            _mm256_set1_epi16(-0x4080));
  }

  const std::byte* panel_;
};

/// `kRows` rows times one panel.
template <typename Reader, int kRows>
void multiply_rows(const PanelProduct& product, int64_t row, int64_t panel) {
  Reader reader(product.weight + panel * Reader::panel_bytes(product.k));
  __m256 sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int i = 0; i < kVectors; ++i) {
      sum[r][i] = _mm256_setzero_ps();
    }
  }
  const float* x = product.x + row * product.k;
  for (int64_t begin = 0; begin < product.k; begin += kScaledColumns) {
    reader.enter_block(begin / kScaledColumns);
    const int64_t left = product.k - begin;
    const int64_t end = begin + (left < kScaledColumns ? left : kScaledColumns);
    for (int64_t k = begin; k < end; ++k) {
      const Column w = reader.column(k);
      for (int r = 0; r < kRows; ++r) {
        const __m256 value = _mm256_broadcast_ss(x + r * product.k + k);
        for (int i = 0; i < kVectors; ++i) {
          sum[r][i] = _mm256_fmadd_ps(value, w.part[i], sum[r][i]);
        }
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float* y = product.y + ((row + r) * product.panels + panel) * kPanel;
    for (int i = 0; i < kVectors; ++i) {
      _mm256_storeu_ps(y + 8 * i, _mm256_mul_ps(sum[r][i], _mm256_set1_ps(Reader::kUnit)));
    }
  }
}

template <typename Reader>
void multiply_panels(const PanelProduct& product) {
  for (int64_t panel = 0; panel < product.panels; ++panel) {
    int64_t row = 0;
    for (; row + 2 <= product.rows; row += 2) {
      multiply_rows<Reader, 2>(product, row, panel);
    }
    for (; row < product.rows; ++row) {
      multiply_rows<Reader, 1>(product, row, panel);
    }
  }
}

}  // namespace

void multiply_bf16_avx2(const PanelProduct& product) {
  multiply_panels<Bf16Reader>(product);
}

void multiply_nvfp4_avx2(const PanelProduct& product) {
  multiply_panels<Nvfp4Reader>(product);
}

void multiply_fp8_avx2(const PanelProduct& product) {
  multiply_panels<Fp8Reader>(product);
}

}  // namespace dak::cpu
