#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "dakkar/device/sequence_table.h"
#include "dakkar/engine/request.h"
#include "dakkar/model/model.h"
#include "simulation/schedule_runner.h"

namespace dak {

/// How far two paths over the same tokens are apart, at their worst row.
struct PathError {
  double logit = 0.0;     ///< largest difference of a logit
  double cdf = 0.0;       ///< largest difference of the cumulative distribution, at temperature 1
  double relative = 0.0;  ///< ||a - b|| / ||a|| of a row of logits

  void widen(const PathError& other) {
    logit = std::max(logit, other.logit);
    cdf = std::max(cdf, other.cdf);
    relative = std::max(relative, other.relative);
  }
};

/// The first token in which two paths differ.
struct Divergence {
  size_t index = 0;
  double edge = 0.0;  ///< `GeneratedToken::edge` of the first path
  bool greedy = false;
};

/// Two paths of one request, up to and including the first token that differs: until there both
/// have seen the same tokens.
struct PathComparison {
  PathError error;
  std::optional<Divergence> divergence;
};

/// Compares what two runs of `request` drew and what they drew it from.
[[nodiscard]] PathComparison compare_paths(const GenerationRequest& request, const RequestRun& a,
                                           const RequestRun& b);

/// The parts of a Mamba layer's state that mean something at a position, in f32 numerics.
struct LayerState {
  std::vector<float> ssm;   ///< stored state
  std::vector<float> ring;  ///< x, B and time steps of the tokens from base to position
  std::vector<float> conv;  ///< window of pre-conv inputs
};

/// Reads them out of a snapshot, layer by layer; `dims` of tp 1, activations f32.
[[nodiscard]] std::vector<LayerState> read_states(const StateSnapshot& snapshot,
                                                  const MambaDims& dims);

/// Largest ||a - b|| / ||a|| over the parts of all layers; infinite when sizes differ.
[[nodiscard]] double state_distance(const std::vector<LayerState>& a,
                                    const std::vector<LayerState>& b);

/// How far two ways of one sequence may be apart in f32 numerics, relative errors.
struct Bars {
  double state = 1e-5;
  double logits = 1e-4;
};

/// Where two ways round a state that is stored in f16.
enum class RoundedAt {
  kSamePlaces,   ///< the same random bits then round what is nearly the same
  kOtherPlaces,  ///< other bits: the ways are equal in distribution, a rounding apart
};

[[nodiscard]] Bars bars_of(StateStorage state, RoundedAt rounded);

}  // namespace dak
