// Bytes moved: the weights once per four rows or fewer while they do not fit in a cache, x and y
// from cache. A column of a panel is one cache line in bf16, half of one in fp8, a quarter in
// nvfp4.
#include <immintrin.h>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

/// One column of a panel: outputs 0..15 and 16..31.
struct Column {
  __m512 low;
  __m512 high;
};

/// Reads bf16 panels column by column.
class Bf16Reader {
 public:
  static constexpr float kUnit = 1.0F;

  Bf16Reader(const std::byte* panel, int64_t /*k*/) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k * kBf16ColumnBytes; }
  void enter_block(int64_t /*block*/) {}

  [[nodiscard]] Column column(int64_t k) const {
    const __m512i pairs = _mm512_loadu_si512(panel_ + k * kBf16ColumnBytes);
    return {_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)),
            _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-0x10000)))};
  }

 private:
  const std::byte* panel_;
};

/// Reads nvfp4 panels; the product of value and block scale is exact in f32.
class Nvfp4Reader {
 public:
  static constexpr float kUnit = 1.0F;

  Nvfp4Reader(const std::byte* panel, int64_t /*k*/) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k / kScaledColumns * kNvfp4BlockBytes; }

  void enter_block(int64_t block) {
    block_ = panel_ + block * kNvfp4BlockBytes;
    low_scale_ = scales(block_);
    high_scale_ = scales(block_ + 16);
  }

  [[nodiscard]] Column column(int64_t k) const {
    const std::byte* codes = block_ + kPanel + k % kScaledColumns * 16;
    const __m512i pairs =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    const __m512 values = _mm512_setr_ps(0.0F, 0.5F, 1.0F, 1.5F, 2.0F, 3.0F, 4.0F, 6.0F, -0.0F,
                                         -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F);
    // The lookup reads the low four bits of an index only.
    const __m512 low = _mm512_permutexvar_ps(pairs, values);
    const __m512 high = _mm512_permutexvar_ps(_mm512_srli_epi32(pairs, 4), values);
    return {_mm512_mul_ps(low, low_scale_), _mm512_mul_ps(high, high_scale_)};
  }

 private:
  /// Sixteen e4m3 values: their bits moved into f32's fields are the value times 2^-120.
  static __m512 scales(const std::byte* from) {
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
    const __m512i sign = _mm512_slli_epi32(_mm512_srli_epi32(bytes, 7), 31);
    const __m512i magnitude =
        _mm512_slli_epi32(_mm512_and_si512(bytes, _mm512_set1_epi32(0x7f)), 20);
    return _mm512_mul_ps(_mm512_castsi512_ps(_mm512_or_si512(sign, magnitude)),
                         _mm512_set1_ps(0x1p120F));
  }

  const std::byte* panel_;
  const std::byte* block_ = nullptr;
  __m512 low_scale_ = _mm512_setzero_ps();
  __m512 high_scale_ = _mm512_setzero_ps();
};

/// Reads fp8 panels: an e4m3 code moved into the fields of an f16 is the value times 2^-8, which
/// its conversion to f32 gives exactly, subnormals too.
class Fp8Reader {
 public:
  static constexpr float kUnit = 0x1p8F;

  Fp8Reader(const std::byte* panel, int64_t /*k*/) : panel_(panel) {}

  static int64_t panel_bytes(int64_t k) { return k * kPanel; }
  void enter_block(int64_t /*block*/) {}

  [[nodiscard]] Column column(int64_t k) const {
    const __m512i codes = _mm512_cvtepi8_epi16(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(panel_ + k * kPanel)));
    const __m512i halves =
        _mm512_and_si512(_mm512_slli_epi16(codes, 7), _mm512_set1_epi16(-0x4080));
    return {_mm512_cvtph_ps(_mm512_castsi512_si256(halves)),
            _mm512_cvtph_ps(_mm512_extracti64x4_epi64(halves, 1))};
  }

 private:
  const std::byte* panel_;
};

/// Readers give their values in a unit of a power of two.
template <typename Reader>
void store_sums(float* y, __m512 low, __m512 high) {
  const __m512 unit = _mm512_set1_ps(Reader::kUnit);
  _mm512_storeu_ps(y, _mm512_mul_ps(low, unit));
  _mm512_storeu_ps(y + 16, _mm512_mul_ps(high, unit));
}

/// `kRows` rows times one panel.
template <typename Reader, int kRows>
void multiply_rows(const PanelProduct& product, int64_t row, int64_t panel) {
  Reader reader(product.weight + panel * Reader::panel_bytes(product.k), product.k);
  __m512 low[kRows];
  __m512 high[kRows];
  for (int r = 0; r < kRows; ++r) {
    low[r] = _mm512_setzero_ps();
    high[r] = _mm512_setzero_ps();
  }
  const float* x = product.x + row * product.k;
  for (int64_t begin = 0; begin < product.k; begin += kScaledColumns) {
    reader.enter_block(begin / kScaledColumns);
    const int64_t left = product.k - begin;
    const int64_t end = begin + (left < kScaledColumns ? left : kScaledColumns);
    for (int64_t k = begin; k < end; ++k) {
      const Column w = reader.column(k);
      for (int r = 0; r < kRows; ++r) {
        const __m512 value = _mm512_set1_ps(x[r * product.k + k]);
        low[r] = _mm512_fmadd_ps(value, w.low, low[r]);
        high[r] = _mm512_fmadd_ps(value, w.high, high[r]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    float* y = product.y + ((row + r) * product.panels + panel) * kPanel;
    store_sums<Reader>(y, low[r], high[r]);
  }
}

/// One row times four panels side by side, so that additions do not wait for one another.
template <typename Reader>
void multiply_one_row(const PanelProduct& product, int64_t row, int64_t panel) {
  constexpr int kTogether = 4;
  const int64_t bytes = Reader::panel_bytes(product.k);
  Reader readers[kTogether] = {{product.weight + panel * bytes, product.k},
                               {product.weight + (panel + 1) * bytes, product.k},
                               {product.weight + (panel + 2) * bytes, product.k},
                               {product.weight + (panel + 3) * bytes, product.k}};
  __m512 low[kTogether];
  __m512 high[kTogether];
  for (int i = 0; i < kTogether; ++i) {
    low[i] = _mm512_setzero_ps();
    high[i] = _mm512_setzero_ps();
  }
  const float* x = product.x + row * product.k;
  for (int64_t begin = 0; begin < product.k; begin += kScaledColumns) {
    for (int i = 0; i < kTogether; ++i) {
      readers[i].enter_block(begin / kScaledColumns);
    }
    const int64_t left = product.k - begin;
    const int64_t end = begin + (left < kScaledColumns ? left : kScaledColumns);
    for (int64_t k = begin; k < end; ++k) {
      const __m512 value = _mm512_set1_ps(x[k]);
      for (int i = 0; i < kTogether; ++i) {
        const Column w = readers[i].column(k);
        low[i] = _mm512_fmadd_ps(value, w.low, low[i]);
        high[i] = _mm512_fmadd_ps(value, w.high, high[i]);
      }
    }
  }
  for (int i = 0; i < kTogether; ++i) {
    float* y = product.y + (row * product.panels + panel + i) * kPanel;
    store_sums<Reader>(y, low[i], high[i]);
  }
}

template <typename Reader>
void multiply_panels(const PanelProduct& product) {
  int64_t panel = 0;
  if (product.rows == 1) {
    for (; panel + 4 <= product.panels; panel += 4) {
      multiply_one_row<Reader>(product, 0, panel);
    }
  }
  for (; panel < product.panels; ++panel) {
    int64_t row = 0;
    for (; row + 8 <= product.rows; row += 8) {
      multiply_rows<Reader, 8>(product, row, panel);
    }
    for (; row + 4 <= product.rows; row += 4) {
      multiply_rows<Reader, 4>(product, row, panel);
    }
    for (; row < product.rows; ++row) {
      multiply_rows<Reader, 1>(product, row, panel);
    }
  }
}

}  // namespace

void multiply_bf16_avx512(const PanelProduct& product) {
  multiply_panels<Bf16Reader>(product);
}

void multiply_nvfp4_avx512(const PanelProduct& product) {
  multiply_panels<Nvfp4Reader>(product);
}

void multiply_fp8_avx512(const PanelProduct& product) {
  multiply_panels<Fp8Reader>(product);
}

}  // namespace dak::cpu
