#pragma once

#include <cstdint>

#include "dakkar/device/cpu/elements.h"

/// The matrix form of the state-space recurrence over a chunk of up to 128 tokens (spec/model.md
/// 2.2): everything is a product of small f32 matrices by fused multiply-adds, so that the carried
/// state is as good as token by token. Plain types only, as in panels.h.
namespace dak::cpu {

inline constexpr int64_t kMostChunkTokens = 128;
/// P and N have to be multiples of it.
inline constexpr int64_t kChunkWidthStep = 16;

/// What the heads of a group share.
struct ChunkGroup {
  int64_t count = 0;         ///< tokens
  int64_t states = 0;        ///< N
  const float* b = nullptr;  ///< [128, N], zeros behind the tokens there are
  const float* c = nullptr;  ///< [128, N]
  float* turned = nullptr;   ///< [N, 128], scratch
  float* scores = nullptr;   ///< [128, 128]: C_t . B_s for s <= t
};

/// One head.
struct ChunkHead {
  ChunkGroup group = {};
  int64_t width = 0;              ///< P
  int64_t first_new = 0;          ///< tokens from here on give outputs
  int64_t stop = 0;               ///< the state moves past so many tokens; 0 leaves it
  const float* x = nullptr;       ///< [128, P]
  const float* decays = nullptr;  ///< [128] sums of dt * A up to each token
  const float* steps = nullptr;   ///< [128] dt
  float d = 0.0F;                 ///< y += d * x
  float* state = nullptr;         ///< [N, P]
  float* weights = nullptr;       ///< [8, 128], scratch
  float* weighted = nullptr;      ///< [128, P], scratch
  std::byte* y = nullptr;         ///< row of the first output
  int64_t y_stride = 0;           ///< bytes
  Stored stored = Stored::kF32;   ///< of y
};

/// Columns of a matrix that turn into rows: [rows, columns] to [columns, rows].
struct TurnFloats {
  const float* from = nullptr;
  int64_t from_stride = 0;
  int64_t rows = 0;     ///< a multiple of 16
  int64_t columns = 0;  ///< a multiple of 16
  float* to = nullptr;
  int64_t to_stride = 0;
};

/// The kernels of one instruction set.
struct ChunkKernels {
  void (*score)(const ChunkGroup& group) = nullptr;
  void (*scan)(const ChunkHead& head) = nullptr;
  void (*turn)(const TurnFloats& matrix) = nullptr;
};

extern const ChunkKernels kChunksAvx2;
extern const ChunkKernels kChunksAvx512;

}  // namespace dak::cpu
