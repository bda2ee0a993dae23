#pragma once

#include <cstddef>
#include <cstdint>

/// Weights as the CPU's linears read them: panels of 32 outputs, K in sequence inside a panel, so
/// that lanes are outputs and every sum runs over k in order, whatever the number of rows.
///
/// This header is included by files compiled for one instruction set: plain types only, since an
/// inline function compiled there could be linked into code that runs elsewhere.
namespace dak::cpu {

/// Outputs of a panel. Lane i and lane 16 + i lie side by side.
inline constexpr int64_t kPanel = 32;
/// Columns that share a block scale.
inline constexpr int64_t kScaledColumns = 16;

/// bf16 panel [K][16 pairs]: pair i of column k holds output i in its low half, 16 + i in its high
/// half.
inline constexpr int32_t kBf16Panels = 1;
/// nvfp4 panel [K / 16] of blocks: 32 e4m3 scales, then [16 columns][16 bytes], byte i holding
/// output i in its low nibble and output 16 + i in its high one.
inline constexpr int32_t kNvfp4Panels = 2;

/// fp8 panel [K][32 bytes]: byte i of column k is the e4m3 code of output i, none of them a NaN.
inline constexpr int32_t kFp8Panels = 3;

inline constexpr int64_t kBf16ColumnBytes = kPanel * 2;
inline constexpr int64_t kNvfp4BlockBytes = kPanel + kScaledColumns * kPanel / 2;

/// y[r, n] = sum over k of x[r, k] * w[n, k], by fused multiply-adds in f32.
struct PanelProduct {
  const float* x = nullptr;  ///< [rows, k]
  int64_t rows = 0;
  int64_t k = 0;
  const std::byte* weight = nullptr;  ///< [panels]
  int64_t panels = 0;
  float* y = nullptr;  ///< [rows, panels * 32]
};

void multiply_bf16_avx2(const PanelProduct& product);
void multiply_nvfp4_avx2(const PanelProduct& product);
void multiply_fp8_avx2(const PanelProduct& product);
void multiply_bf16_avx512(const PanelProduct& product);
void multiply_nvfp4_avx512(const PanelProduct& product);
void multiply_fp8_avx512(const PanelProduct& product);

}  // namespace dak::cpu
