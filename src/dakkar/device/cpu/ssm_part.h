#pragma once

#include "dakkar/device/cpu/ssm_scan.h"
#include "dakkar/device/scratch.h"
#include "dakkar/device/ssm_sequence.h"

namespace dak::cpu {

/// Some heads of one group of one sequence: what a thread scans at a time.
struct ScanPart {
  const SsmSequence& seq;
  const ScanKernels& kernels;
  Scratch& scratch;
  int64_t group = 0;
  int64_t first_head = 0;
  int64_t heads = 0;
  float* steps = nullptr;  ///< [T, nh] time steps of the step's new rows; the part fills its own

  [[nodiscard]] const MambaDims& dims() const { return seq.args.dims; }
  [[nodiscard]] Stored stored() const {
    return dims().activation == DType::kBF16 ? Stored::kBF16 : Stored::kF32;
  }
  /// Token `p`'s row: x of all heads, then B of all groups, then, of a new token, C.
  [[nodiscard]] const std::byte* row(int64_t p) const;
  /// Time steps of all heads at token `p`.
  [[nodiscard]] const float* steps_of(int64_t p) const;
  /// `count` columns from `column` on of token `p`'s row, widened.
  void widen(int64_t p, int64_t column, int64_t count, float* to) const;
  /// Column where the group's B begins; C lies G * N further.
  [[nodiscard]] int64_t b_column() const { return dims().inner() + group * dims().state; }
  [[nodiscard]] int64_t c_column() const { return b_column() + dims().groups * dims().state; }

  /// Computes the time steps of the new tokens for the part's heads.
  void fill_steps() const;
  /// Leaves a head's state [P, N] after `position` tokens in the slot or the carry.
  void store_head(int64_t head, int64_t position, const float* state) const;
};

/// Names row `row` (head * P + channel) of the state after `position` tokens.
[[nodiscard]] RowName row_name(const SsmSequence& seq, int64_t row, int64_t position);

/// The two forms of the scan over a part; neither touches the ring.
void decode_part(const ScanPart& part);
void prefill_part(const ScanPart& part);

}  // namespace dak::cpu
