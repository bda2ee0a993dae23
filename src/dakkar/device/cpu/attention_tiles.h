#pragma once

#include <span>

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/scratch.h"

namespace dak::cpu {

/// Some consecutive new tokens of one sequence, attended together.
struct AttentionTile {
  int64_t sequence = 0;
  int64_t first_row = 0;
  int64_t tokens = 0;
  int64_t position = 0;  ///< of the first token
};

/// Cuts the step's new tokens into tiles of at most `most`, sequence by sequence.
[[nodiscard]] std::span<const AttentionTile> tiles_of(const AttentionArgs& args, int64_t most,
                                                      Scratch& scratch);

}  // namespace dak::cpu
