#pragma once

#include <memory>

#include "dakkar/base/error.h"
#include "dakkar/model/model.h"

namespace dak {

/// Loads one rank's share of a Nemotron-H family model: Ultra, Super, Nano, Lightning, Nano v2 and
/// Nemotron-H differ only in their config (spec/model.md 1.1, 2).
///
/// Errors: a checkpoint that does not fit its config; a size that cannot be split over `args.tp`.
[[nodiscard]] Result<std::unique_ptr<Model>> load_nemotron_h(const ModelLoadArgs& args);

}  // namespace dak
