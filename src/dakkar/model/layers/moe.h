#pragma once

#include <memory>
#include <string>

#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// A mixture of experts with a shared expert; with `moe.latent` the experts work on a projection of
/// the hidden state (spec/model.md 2.5). Experts' inner widths are split over ranks, so the rank's
/// output is a partial sum; fc2 is applied to it, by linearity. Where the grid deals experts whole,
/// `make_dealt_moe`'s.
[[nodiscard]] std::unique_ptr<Mixer> make_moe(ParameterReader& reader, const std::string& prefix,
                                              DType activation);

}  // namespace dak
