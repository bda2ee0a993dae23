#pragma once

#include <cstdint>

#include "dakkar/device/sequence_table.h"
#include "dakkar/tensor/dtype.h"
#include "dakkar/tensor/quant_view.h"

namespace dak::bench {

/// What a piece of work cannot do without: bytes that come from or go to memory when nothing of it
/// is in a cache, each once, and operations of multiplications and additions.
struct Cost {
  double bytes = 0.0;
  double flops = 0.0;

  Cost& operator+=(const Cost& other);
  [[nodiscard]] Cost scaled(double factor) const {
    return {.bytes = bytes * factor, .flops = flops * factor};
  }
};

/// The byte and FLOP models, one per op family; kernels may move and compute more. Sizes in
/// elements unless said otherwise; T tokens.

/// A matrix in a checkpoint's format, block scales included, whatever it is packed into.
[[nodiscard]] double matrix_bytes(QuantFormat format, int64_t n, int64_t k);

/// x [T, K] and out [T, N] once, the weight once; 2 T N K operations.
struct LinearSize {
  int64_t tokens = 0;
  int64_t n = 0;
  int64_t k = 0;
  double weight_bytes = 0.0;
  DType in = DType::kBF16;
  DType out = DType::kBF16;
};
[[nodiscard]] Cost linear_cost(const LinearSize& size);

/// The experts touched once each; T k rows of N K products; x has T or T k rows.
struct ExpertSize {
  int64_t tokens = 0;
  int64_t chosen = 0;  ///< k
  int64_t n = 0;
  int64_t k = 0;
  double touched = 0.0;  ///< different experts among the choices
  double expert_bytes = 0.0;
  int64_t in_rows = 0;
  DType out = DType::kBF16;
};
[[nodiscard]] Cost expert_cost(const ExpertSize& size);

/// Different experts that T tokens touch when each chooses k of E at random:
/// E (1 - (1 - k / E)^T).
[[nodiscard]] double expected_experts(int64_t tokens, int64_t chosen, int64_t experts);

/// One decode step of `sequences`, averaged over the ring's cycle of 16 steps: the stored state is
/// read in each and written in one of 16; the ring holds 1 to 16 tokens, 8.5 on average, before the
/// step. Operations of the recurrence itself, 5 per state element: decay, input, output.
struct SsmSize {
  MambaDims dims;
  int64_t sequences = 0;
};
[[nodiscard]] Cost ssm_decode_cost(const SsmSize& size);

/// `tokens` new tokens of one sequence from position 0 in the matrix form with chunks of 128: per
/// chunk of Q, C B^T and its product with x over the causal half, the chunk's state (2 Q P N a
/// head) and, from the second chunk on, the part of the state before (2 Q P N a head).
[[nodiscard]] Cost ssm_prefill_cost(const MambaDims& dims, int64_t tokens);

/// Conv inputs and outputs once, windows of `sequences` read and written; 2 operations a tap and
/// channel, 4 for SiLU.
[[nodiscard]] Cost causal_conv_cost(const MambaDims& dims, int64_t tokens, int64_t sequences);

/// Attention of `queries` new tokens, the last of them with `keys` keys (its own included), for one
/// sequence: keys and values once, q and out once; 4 D operations per (query head, visible key).
struct AttentionSize {
  int64_t queries = 1;
  int64_t keys = 0;
  int64_t query_heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  DType kv = DType::kBF16;
};
[[nodiscard]] Cost attention_cost(const AttentionSize& size);

/// Work on every element of some rows: bytes read and written for each, and operations.
struct RowSize {
  double elements = 0.0;
  double bytes_per_element = 0.0;
  double flops_per_element = 0.0;
};
[[nodiscard]] Cost row_cost(const RowSize& size);

}  // namespace dak::bench
