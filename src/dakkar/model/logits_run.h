#pragma once

#include <cstdint>
#include <vector>

#include "dakkar/base/token_id.h"
#include "dakkar/model/model.h"

namespace dak {

/// Whether a run also applies the MTP head.
enum class MtpLogits { kNo, kYes };

/// One sequence through a model, cut as told: what `dakkar logits` prints and what parity tests
/// compare with goldens. It runs in the first dp group.
struct LogitsArgs {
  ModelLoadArgs load;         ///< `rank` is set per rank here; the grid as wanted
  std::vector<TokenId> ids;   ///< T tokens, all below V
  std::vector<int64_t> cuts;  ///< ends of the prefill chunks, ascending; T is added
  int64_t decode_from = -1;   ///< tokens from here on are decoded one by one; -1: none
  MtpLogits mtp = MtpLogits::kNo;
  /// What the dp groups 1, 2, ... run in the same steps, cut alike; those without run empty steps.
  std::vector<std::vector<TokenId>> beside;
};

/// State of one Mamba layer after the run, all ranks' heads together.
struct MambaLayerState {
  int64_t base = 0;         ///< tokens that `ssm` stands for, a multiple of 16
  std::vector<float> ssm;   ///< [nh, P, N]
  std::vector<float> conv;  ///< [conv width - 1, C] pre-conv inputs, oldest first; channels x, B, C
  std::vector<float> ring_xb;  ///< [n, nh*P + G*N] conv outputs of the n tokens after `base`
  std::vector<float> ring_dt;  ///< [n, nh] their time steps
};

/// What a run leaves.
struct LogitsRun {
  std::vector<float> logits;                      ///< [T, V]
  std::vector<float> mtp_logits;                  ///< [T - 1, V]: row i drafts token i + 2
  std::vector<MambaLayerState> states;            ///< one per Mamba layer
  std::vector<std::vector<float>> beside_logits;  ///< of dp groups 1, 2, ...
};

/// Loads the model on a thread per rank of the grid and runs the tokens through it.
/// Errors: loading's; `kInvalidArgument` for empty ids, ids outside the vocabulary, bad cuts, or an
/// MTP run of a model without the head.
[[nodiscard]] Result<LogitsRun> run_logits(const LogitsArgs& args);

/// Chunk ends for equal chunks of `chunk` tokens.
[[nodiscard]] std::vector<int64_t> equal_cuts(int64_t tokens, int64_t chunk);

}  // namespace dak
