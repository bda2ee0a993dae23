#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// The state block sizes of this rank's Mamba layers, for `drafts` tokens of speculation and states
/// stored in f32.
[[nodiscard]] MambaDims mamba_dims(const ModelConfig& local, DType activation, int64_t drafts);

/// Where a Mamba layer finds itself.
struct Mamba2Args {
  std::string prefix;  ///< "backbone.layers.3.mixer"
  MambaDims dims;
  int64_t ordinal = 0;  ///< its column among the state blocks
  int64_t layers = 0;   ///< Mamba layers of the model
  StateRounding rounding;
};

/// Mamba-2 with gated group norm (spec/model.md 2.2).
[[nodiscard]] std::unique_ptr<Mixer> make_mamba2(ParameterReader& reader, const Mamba2Args& args);

}  // namespace dak
