#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dakkar/model/logits_run.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"

namespace dak {

/// A committed tiny checkpoint, opened.
struct TinyCheckpoint {
  std::string name;
  ModelConfig config;
  QuantConfig quant;
  WeightSet weights;
};

/// Opens tests/data/checkpoints/`name`; a test failure stops the program.
[[nodiscard]] TinyCheckpoint open_tiny(const std::string& name);

/// A recorded Mamba state; rows p = 0, 16, 32, ... of each head; f32 only
/// (tests/data/goldens/README.md).
struct GoldenState {
  int64_t layer = 0;    ///< index in the whole model
  int64_t ordinal = 0;  ///< among the Mamba layers
  std::vector<float> ssm;
  std::vector<float> conv;
};

/// What the oracles recorded for one checkpoint and one numerics.
struct Golden {
  std::vector<TokenId> ids;
  std::vector<int64_t> positions;
  std::vector<float> logits;
  std::vector<int64_t> mtp_positions;
  std::vector<float> mtp_logits;
  std::vector<GoldenState> final_states;
  std::vector<GoldenState> states_at_128;
};

/// Reads tests/data/goldens/`name`.safetensors.
[[nodiscard]] Golden read_golden(const TinyCheckpoint& tiny, Numerics numerics);

/// Largest ||ours - golden|| / ||golden|| over the rows named by `positions`; both have rows of
/// `width`, `ours` all of them, `golden` only the named ones.
[[nodiscard]] double worst_row(const std::vector<float>& ours, const std::vector<float>& golden,
                               const std::vector<int64_t>& positions, int64_t width);

/// ||ours - golden|| / ||golden||, sizes equal.
[[nodiscard]] double relative_distance(const std::vector<float>& ours,
                                       const std::vector<float>& golden);

/// Rows of a head that the goldens leave out between two kept ones, plus one.
inline constexpr int64_t kGoldenRowStep = 16;

/// The SSM state after all tokens: the stored one with the ring replayed onto it in f64; the rows
/// that goldens keep only.
[[nodiscard]] std::vector<float> replayed_state(const TinyCheckpoint& tiny,
                                                const GoldenState& where,
                                                const MambaLayerState& state);

}  // namespace dak
