#pragma once

#include <cstdint>

namespace dak::cpu {

/// One head of a decoding sequence: its state [P, N] and the tokens to run over it, oldest first.
/// Plain types only, as in panels.h.
struct HeadReplay {
  float* state = nullptr;        ///< [P, N]
  int64_t rows = 0;              ///< P
  int64_t columns = 0;           ///< N
  bool fresh = false;            ///< start from zeros instead of the stored state
  int64_t tokens = 0;            ///< ring tokens, then new ones
  int64_t fold = 0;              ///< the state after so many tokens is stored; 0 = none
  int64_t first_new = 0;         ///< tokens from here on give outputs
  const float* decay = nullptr;  ///< [tokens]
  const float* step = nullptr;   ///< [tokens] time steps
  const float* x = nullptr;      ///< [tokens, P]
  const float* b = nullptr;      ///< [tokens, N]
  const float* c = nullptr;      ///< [tokens, N]
  float d = 0.0F;                ///< y = state . c + d * x
  float* y = nullptr;            ///< [new tokens, P], rows `y_stride` apart
  int64_t y_stride = 0;
};

/// Runs s = decay * s + (step * x) * b token by token over each row of the state, in registers:
/// the state is read once, and written only where it folds. Each operation's order is fixed by P
/// and N alone.
void replay_head_avx2(const HeadReplay& head);
void replay_head_avx512(const HeadReplay& head);

}  // namespace dak::cpu
