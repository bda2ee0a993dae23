#pragma once

#include <memory>
#include <string>

#include "dakkar/model/layers/mixer.h"
#include "dakkar/model/parameter_reader.h"

namespace dak {

/// A mixture of experts whose experts are dealt whole over all ranks of the grid (decision record
/// 0007); router and shared expert are as in `make_moe`.
///
/// The ranks of a group hold the same rows, so each routes and sends a part of them. Rows go to the
/// experts' ranks, one per choice, and come back; their own rank adds them up in choice order, so
/// that nothing depends on what else is in the step. Parts are then gathered within the group.
/// Every rank calls it in every step, with `Context::world` set.
[[nodiscard]] std::unique_ptr<Mixer> make_dealt_moe(ParameterReader& reader,
                                                    const std::string& prefix, DType activation);

}  // namespace dak
