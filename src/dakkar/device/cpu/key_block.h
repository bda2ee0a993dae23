#pragma once

#include <cstddef>
#include <cstdint>

/// Attention over blocks of keys that start at absolute multiples of 64, so that a query meets the
/// same sums whatever else a step computes. Plain types only, as in panels.h.
namespace dak::cpu {

inline constexpr int64_t kBlockKeys = 64;
/// Widths are rounded up to it, with zeros behind.
inline constexpr int64_t kWidthStep = 16;

/// Stored rows whose widening is vectorised.
enum class StoredRows { kF32, kBF16, kE4m3 };

/// Rows of a page: `count` times `width` elements, `stride` bytes apart.
struct WidenRows {
  const std::byte* from = nullptr;
  int64_t stride = 0;
  StoredRows stored = StoredRows::kF32;
  int64_t count = 0;
  int64_t width = 0;    ///< a multiple of `kWidthStep`
  float* to = nullptr;  ///< [count, width]
};

/// Queries of one token against one block of keys, carrying their softmax from block to block.
struct KeyBlock {
  int64_t rows = 0;                ///< queries
  int64_t width = 0;               ///< D, rounded up
  int64_t visible = 0;             ///< keys of the block that count, at least 1
  const float* queries = nullptr;  ///< [rows, width], times the score's scale
  const float* keys = nullptr;     ///< [width, 64]
  const float* values = nullptr;   ///< [64, width]
  float* scores = nullptr;         ///< [rows, 64], scratch
  float* largest = nullptr;        ///< [rows], -inf before the first block
  float* sums = nullptr;           ///< [rows], 0 before it
  float* mixed = nullptr;          ///< [rows, width], sums of weight * value, 0 before it
};

/// The kernels of one instruction set.
struct KeyBlockKernels {
  void (*widen)(const WidenRows& rows) = nullptr;
  /// [64, width] to [width, 64].
  void (*turn)(const float* from, int64_t width, float* to) = nullptr;
  void (*attend)(const KeyBlock& block) = nullptr;
};

extern const KeyBlockKernels kKeyBlocksAvx2;
extern const KeyBlockKernels kKeyBlocksAvx512;

}  // namespace dak::cpu
