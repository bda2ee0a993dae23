#pragma once

#include <cstdint>

#include "dakkar/device/cpu/elements.h"

/// Decoding with the replay ring in one pass over the stored state: what the ring's tokens add to
/// an output is a short sum over them, so that a step without a flush reads the state, multiplies
/// it once with C and writes nothing. Plain types only, as in panels.h.
namespace dak::cpu {

/// Tokens are padded to a multiple of it in arrays that run over them.
inline constexpr int64_t kRingStep = 16;

/// How a row of the state is kept.
enum class StateRow { kF32, kF16 };

/// Names a row for `round_row`, as `RoundedRow` does.
struct RowName {
  uint64_t seed = 0;
  uint32_t layer = 0;
  uint32_t position = 0;
  uint32_t row = 0;
};

/// A row of the state on its way to f16, by the bits of `dak::round_row`.
struct RoundRow {
  RowName name = {};
  const float* from = nullptr;
  int64_t count = 0;  ///< a multiple of 16
  uint16_t* to = nullptr;
};

/// C . B of each new token with each token.
struct RingProducts {
  int64_t tokens = 0;
  int64_t outputs = 0;
  int64_t columns = 0;       ///< N
  const float* b = nullptr;  ///< [tokens, N]
  const float* c = nullptr;  ///< [outputs, N]
  float* to = nullptr;       ///< [outputs, tokens padded]
};

/// One head of a decoding sequence: its state [P, N], the ring's tokens and the new ones.
struct RingHead {
  std::byte* state = nullptr;
  StateRow kept = StateRow::kF32;
  bool fresh = false;   ///< start from zeros instead of the stored state
  RowName name = {};    ///< of the head's first row, once folded
  int64_t rows = 0;     ///< P
  int64_t columns = 0;  ///< N
  int64_t tokens = 0;
  int64_t fold = 0;       ///< so many are folded into the stored state; 0: it is only read
  int64_t first_new = 0;  ///< tokens from here on give outputs
  const std::byte* const* x = nullptr;  ///< [tokens] rows
  int64_t x_place = 0;                  ///< bytes from a row's start to the head's [P]
  Stored x_stored = Stored::kF32;
  const float* b = nullptr;         ///< [tokens, N]
  const float* c = nullptr;         ///< [outputs, N]
  const float* products = nullptr;  ///< of `RingProducts`
  const float* steps = nullptr;     ///< [tokens padded], zeros behind
  float a = 0.0F;
  float d = 0.0F;            ///< y += d * x
  float until = 0.0F;        ///< decay exponent of the folded tokens, set by the scan
  float* decays = nullptr;   ///< [tokens padded], scratch
  float* weights = nullptr;  ///< [tokens padded], scratch, shared
  float* folded = nullptr;   ///< [fold, P], scratch
  float* wide = nullptr;     ///< [4, N], scratch, shared
  float* lanes = nullptr;    ///< [P, 16], scratch, shared
  float* read = nullptr;     ///< [outputs, P], scratch: state . C
  std::byte* y = nullptr;    ///< [outputs, P], rows `y_stride` bytes apart
  int64_t y_stride = 0;
  Stored y_stored = Stored::kF32;
};

/// The kernels of one instruction set.
struct RingKernels {
  void (*round)(const RoundRow& row) = nullptr;
  void (*multiply)(const RingProducts& products) = nullptr;
  /// Heads of one part; scratch that is not said to be shared is each head's own.
  void (*scan)(RingHead* heads, int64_t count) = nullptr;
};

extern const RingKernels kRingsAvx2;
extern const RingKernels kRingsAvx512;

}  // namespace dak::cpu
