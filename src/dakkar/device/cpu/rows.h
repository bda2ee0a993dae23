#pragma once

#include <cstdint>

#include "dakkar/device/cpu/elements.h"

/// Ops that treat a row at a time, from bf16 or f32 to either. Plain types only, as in panels.h.
namespace dak::cpu {

/// Widest group of columns that `RowKernels::gated_norm` takes.
inline constexpr int64_t kMostGroupColumns = 4096;
/// Taps of the convolution that is vectorised.
inline constexpr int64_t kConvTaps = 4;

/// One row to normalise: [width].
struct NormRow {
  Elements x;                     ///< read; `add_norm`: the residual, read and written
  Elements other;                 ///< `add_norm`: what is added; `gated_norm`: the gate
  const float* weight = nullptr;  ///< [width]
  float eps = 0.0F;
  Elements out;
  int64_t width = 0;
};

/// out = x elementwise, by a function of the kernel's name.
struct MapRow {
  Elements x;
  Elements out;
  int64_t width = 0;
};

/// out = sum over `count` rows, in order, of weights[j] * x[j].
struct CombineRow {
  const float* x = nullptr;  ///< [count, width], rows `stride` floats apart
  int64_t stride = 0;
  int64_t count = 0;
  const float* weights = nullptr;  ///< [count]
  Elements out;
  int64_t width = 0;
};

/// `tokens` rows of a sequence's convolution with SiLU, some of their channels.
struct ConvRows {
  const std::byte* const* inputs = nullptr;  ///< [3 + tokens] rows, null for zeros
  std::byte* const* outputs = nullptr;       ///< [tokens] rows
  Stored stored = Stored::kF32;              ///< of inputs and outputs
  int64_t tokens = 0;
  const float* weight = nullptr;  ///< [channels, 4]
  const float* bias = nullptr;    ///< [channels]
  int64_t begin = 0;              ///< channels that are computed
  int64_t end = 0;
};

/// Products of some tokens with some experts' gates.
struct GateScores {
  const float* x = nullptr;  ///< [tokens, width]
  int64_t tokens = 0;
  Elements gate;           ///< [experts, width]
  int64_t gate_bytes = 0;  ///< from an expert to the next
  int64_t experts = 0;
  int64_t width = 0;
  float* scores = nullptr;  ///< [tokens, experts], rows `stride` floats apart: sigmoid(x . gate)
  int64_t stride = 0;
};

/// The kernels of one instruction set.
struct RowKernels {
  void (*norm)(const NormRow& row) = nullptr;
  /// x += other, rounded; then as `norm`.
  void (*add_norm)(const NormRow& row) = nullptr;
  /// As `norm` of x * silu(other).
  void (*gated_norm)(const NormRow& row) = nullptr;
  void (*copy)(const MapRow& row) = nullptr;   ///< x
  void (*relu2)(const MapRow& row) = nullptr;  ///< max(x, 0)^2
  void (*combine)(const CombineRow& row) = nullptr;
  void (*convolve)(const ConvRows& rows) = nullptr;
  void (*gate)(const GateScores& scores) = nullptr;
};

extern const RowKernels kRowsAvx2;
extern const RowKernels kRowsAvx512;

}  // namespace dak::cpu
