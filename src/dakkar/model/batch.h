#pragma once

#include <cstddef>
#include <cstdint>

#include "dakkar/device/device_count.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

/// One step's inputs on one rank; every pointer is device memory, preallocated, rewritten each
/// step.
struct StepBatch {
  TensorView ids;  ///< i32 [T], -1 where the slot's last sampled token goes in
  DeviceCount tokens;
  SequenceTable table;
  std::byte* arena = nullptr;           ///< the rank's cache arena: KV pages and state blocks
  const int64_t* page_table = nullptr;  ///< [B, max_pages] bytes into the arena
  int64_t max_pages = 0;
  const int64_t* state_offsets = nullptr;  ///< [B, state_layers] bytes into the arena
  MambaCarry carry;                        ///< [B, state_layers]; absent without carries
  TensorView logit_rows;                   ///< i32 [S] token rows whose logits are wanted
  DeviceCount logit_count;                 ///< S
  int64_t grid_tokens = 0;                 ///< upper bound of T over all dp groups together
};

/// What a forward pass leaves behind.
struct ForwardOutput {
  TensorView logits;  ///< f32 [S, V], all of the vocabulary on every rank
  TensorView hidden;  ///< [T, H] after the final norm, the MTP head's input; absent if not wanted
};

/// Inputs of the MTP head over the same rows as a forward pass (spec/model.md 3.3).
struct DraftBatch {
  const StepBatch* step = nullptr;  ///< positions, pages; `logit_rows` names the rows wanted
  TensorView next_ids;              ///< i32 [T] the token after each row's
  TensorView hidden;                ///< [T, H] as `ForwardOutput::hidden`
  TensorView logits;                ///< f32 [S, V] out
};

}  // namespace dak
