#pragma once

#include <span>
#include <vector>

#include "dakkar/device/ops_mamba.h"

namespace dak {

/// One sequence of a scan: its new rows and the places of its state.
struct SsmSequence {
  const SsmScanArgs& args;
  int64_t first_row = 0;       ///< token row of the first new token
  int64_t tokens = 0;          ///< new tokens
  int64_t position = 0;        ///< of the first new token
  int64_t base = 0;            ///< tokens folded into the stored state
  std::byte* state = nullptr;  ///< [nh, P, N], f32 or f16 as the dims say
  float* carry = nullptr;      ///< f32 [nh, P, N]; null where `use` is kNone
  CarryUse use = CarryUse::kNone;
  std::byte* ring_xb = nullptr;
  float* ring_dt = nullptr;

  [[nodiscard]] int64_t end() const { return position + tokens; }
};

/// Sequence `b` of the step.
[[nodiscard]] SsmSequence open_sequence(const SsmScanArgs& args, int64_t b);

/// Whether the cursors of sequence `b` can be followed at all; a failed slot's may say anything.
[[nodiscard]] bool is_sound(const SsmSequence& seq, int64_t b);

/// The outputs of a failed slot.
void zero_outputs(const SsmSequence& seq);

/// Time steps of new row `row` for `to.size()` heads from `head` on: softplus(dt + bias), clamped.
void load_time_steps(const SsmScanArgs& args, int64_t row, int64_t head, std::span<float> to);

/// Inputs of the recurrence for the absolute positions `begin .. begin + count - 1`, in f32. Ring
/// tokens have no C (zeros): their outputs were given when they were new.
struct SsmInputs {
  int64_t begin = 0;
  int64_t count = 0;
  std::vector<float> x;   ///< [count, nh, P]
  std::vector<float> b;   ///< [count, G, N]
  std::vector<float> c;   ///< [count, G, N]
  std::vector<float> dt;  ///< [count, nh], after bias, softplus and clamp
};

/// Reads tokens from the ring, where older than the sequence's new ones, and from the arguments.
[[nodiscard]] SsmInputs read_inputs(const SsmSequence& seq, int64_t begin, int64_t end);

/// Row `row` (head * P + channel) of the state at `base`, from the slot or the carry; zeros at base
/// 0.
void load_state(const SsmSequence& seq, int64_t row, std::span<float> to);

/// Leaves a row of the state after `position` tokens, rounded in the slot or whole in the carry.
void store_state(const SsmSequence& seq, int64_t row, int64_t position,
                 std::span<const float> from);

/// Leaves the new tokens from position `begin` on in the ring.
void write_ring(const SsmSequence& seq, int64_t begin);

/// All sequences of a step, decoding ones by `scan_decode`, prefilling ones by `scan_prefill`.
void scan_sequences(const SsmScanArgs& args);

/// Token by token with the ring in front, row after row; works on any stored dtype.
void scan_decode(const SsmSequence& seq);

/// Chunks that end at absolute multiples of 128; the form of prefilling sequences.
void scan_prefill(const SsmSequence& seq);

}  // namespace dak
