#pragma once

#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/tensor_view.h"

namespace dak {

struct Context;

/// Arguments of `ops::causal_conv`.
struct CausalConvArgs {
  TensorView xbc;     ///< [T, C] pre-conv inputs, channels x, B, C; rows may be strided
  TensorView weight;  ///< f32 [C, conv width]
  TensorView bias;    ///< f32 [C]
  TensorView out;     ///< [T, C], activation dtype
  MambaDims dims;
  MambaState state;
  SequenceTable table;
  DeviceCount tokens;
};

/// How a stored state that is narrower than f32 is rounded: see `RoundedRow`.
struct StateRounding {
  uint64_t seed = 0;       ///< a constant of the server
  int64_t first_head = 0;  ///< head of the whole model that is this rank's first
};

/// Arguments of `ops::ssm_scan`.
struct SsmScanArgs {
  TensorView xbc;      ///< [T, C] outputs of the conv
  TensorView dt;       ///< [T, nh] raw time steps, rows may be strided
  TensorView a;        ///< f32 [nh], -exp(A_log)
  TensorView d;        ///< f32 [nh]
  TensorView dt_bias;  ///< f32 [nh]
  float dt_min = 0.0F;
  float dt_max = 0.0F;  ///< clamp of softplus(dt + bias); may be infinite
  TensorView y;         ///< [T, nh*P], activation dtype
  MambaDims dims;
  MambaState state;
  SequenceTable table;
  DeviceCount tokens;
  StateRounding rounding = {};  ///< used where `dims.stored` is f16
};

/// Arguments of `ops::begin_step` and `ops::advance`.
struct StepArgs {
  SequenceTable table;
  TensorView ids;  ///< i32 [T]; -1 is replaced by the slot's last token (begin_step)
  DeviceCount tokens;
};

namespace ops {

/// Opens a step: a sequence at position 0 gets a fresh slot header; one whose header stands
/// elsewhere than `position` is marked failed. Fills in ids that only the device knows.
void begin_step(Context& ctx, const StepArgs& args);

/// Closes a step: moves each slot's position past its new tokens, and its base as `ssm_scan` did.
void advance(Context& ctx, const StepArgs& args);

/// Depthwise causal convolution with SiLU; f32 sums, rounded once (spec/model.md 2.2 step 2).
/// Inputs before the sequence's new tokens come from its conv window, zeros before position 0; the
/// window is updated. Reads positions from the table, not from the headers.
void causal_conv(Context& ctx, const CausalConvArgs& args);

/// The state-space recurrence (spec/model.md 2.2 steps 4 and 5) in f32, for all sequences.
///
/// Decoding: the ring is replayed onto the stored state; if it holds 16 or more tokens, its first
/// 16 are folded in (`base_after_decode`). The new tokens' x, B and dt go to the ring.
/// Prefilling: SSD in chunks that end at multiples of 128, from the state at `base` with the ring's
/// tokens in front; the new base's state (`base_after_prefill`) goes where `CarryUse` says, even
/// if the base stays. An f16 slot takes `round_row` of it, the step's outputs do not.
/// A failed slot's outputs are zeros.
void ssm_scan(Context& ctx, const SsmScanArgs& args);

}  // namespace ops
}  // namespace dak
