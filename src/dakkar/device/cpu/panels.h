#pragma once

#include <cstddef>
#include <cstdint>

/// Weights as the CPU's linears read them: panels of 64 outputs, K in sequence inside a panel, so
/// that lanes are outputs and every sum runs over k in order, whatever the number of rows.
///
/// A panel's outputs are four groups of 16. Columns come in pairs: 16 outputs by 2 columns of bf16
/// are one vector of 64 bytes, column 2p in the low half of a lane and column 2p + 1 in its high
/// half, as dot-product instructions take them. Missing outputs and columns are zeros.

// Included by files compiled for one instruction set: plain types only, since an inline function
// compiled there could be linked into code that runs elsewhere.
namespace dak::cpu {

/// Outputs of a panel.
inline constexpr int64_t kPanel = 64;
/// Outputs of a group: the lanes of one vector of pairs.
inline constexpr int64_t kGroup = 16;
/// Columns that share a block scale, and their pairs.
inline constexpr int64_t kScaledColumns = 16;
inline constexpr int64_t kScaledPairs = kScaledColumns / 2;

/// bf16 panel [K / 2][4 groups][16 outputs][2 columns].
inline constexpr int32_t kBf16Panels = 1;
/// nvfp4 panel [K / 16] of blocks: 64 e4m3 scales, then [8 pairs] of [32 words]: nibble g of word
/// 2i + c is the code of output 16g + i in column c of the pair.
inline constexpr int32_t kNvfp4Panels = 2;
/// fp8 panel [K / 2][2][64 bytes]: byte 16 (w / 8) + 8 g + w % 8 of half h, w being 2i + c, is the
/// code of output 16 (2h + g) + i in column c of the pair.
inline constexpr int32_t kFp8Panels = 3;

inline constexpr int64_t kBf16PairBytes = kPanel * 2 * 2;
inline constexpr int64_t kFp8PairBytes = kPanel * 2;
inline constexpr int64_t kNvfp4PairBytes = kPanel;
inline constexpr int64_t kNvfp4BlockBytes = kPanel + kScaledPairs * kNvfp4PairBytes;

/// Pairs of columns that are decoded together: their bf16 values take half of a first cache.
inline constexpr int64_t kChunkPairs = 64;
/// Kernels ask for codes this many bytes before they need them.
inline constexpr int64_t kBytesAhead = 4096;
/// Most rows whose sums stay in registers at once.
inline constexpr int64_t kRowGroup = 6;

/// Some pairs of one panel, still packed.
struct PackedChunk {
  const std::byte* codes = nullptr;  ///< of the first pair; in nvfp4 of its block
  int64_t pairs = 0;                 ///< in nvfp4 a multiple of 8
  uint16_t* values = nullptr;        ///< to: bf16 [pairs][4][16][2], block scales left out
  float* scales = nullptr;           ///< to, in nvfp4: [pairs / 8][64]
};

/// sums[r, n] += sum over k of x[r, k] * w[n, k], for a group of rows and some pairs of one panel.
/// Each sum is one chain over k in sequence. With block scales each block of 16 columns is such a
/// chain, which begins at zero and is then multiplied by its scale and added in one rounding.
struct GroupProduct {
  const void* x = nullptr;  ///< [2 * pairs][rows] f32 or [pairs][rows] pairs of bf16
  int64_t pairs = 0;
  const uint16_t* values = nullptr;  ///< bf16 [pairs][4][16][2]
  const float* scales = nullptr;     ///< [pairs / 8][64], or none
  float* sums = nullptr;             ///< [rows][64]
};

/// As `GroupProduct` straight from the codes, for a group of rows and all pairs of one panel.
struct PackedProduct {
  const void* x = nullptr;
  int64_t pairs = 0;
  const std::byte* codes = nullptr;
  float* sums = nullptr;
};

/// How activations lie in `GroupProduct::x`.
enum class InputForm { kF32Columns, kBf16Pairs };

/// The panel products of one instruction set.
struct PanelKernels {
  InputForm form = InputForm::kF32Columns;
  void (*decode_nvfp4)(const PackedChunk& chunk) = nullptr;
  void (*decode_fp8)(const PackedChunk& chunk) = nullptr;
  /// For 1 to 6 rows each. Those straight from the codes are set where they are faster. With all
  /// six of them there are no decoders, and `multiply` meets no block scales.
  void (*multiply[kRowGroup])(const GroupProduct& product) = {};
  void (*multiply_nvfp4[kRowGroup])(const PackedProduct& product) = {};
  void (*multiply_fp8[kRowGroup])(const PackedProduct& product) = {};
};

extern const PanelKernels kPanelsAvx2;
extern const PanelKernels kPanelsAvx512;      ///< AVX-512 F and BW
extern const PanelKernels kPanelsAvx512Bf16;  ///< with BF16 and VBMI: activations are bf16

void decode_fp8_avx2(const PackedChunk& chunk);

/// Divides by `scale` and rounds to e4m3, to nearest, ties to even, saturating; NaN stays NaN.
void round_to_e4m3_avx2(float* values, int64_t count, float scale);

}  // namespace dak::cpu
