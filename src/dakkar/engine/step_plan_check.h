#pragma once

#include "dakkar/base/error.h"
#include "dakkar/engine/step_plan.h"

namespace dak {

/// Whether a rank with these limits can run the group: every count, index, offset and id in range,
/// lists as long as the sequences say, no slot twice, sampling values finite.
[[nodiscard]] Status check_group(const GroupPlan& group, const PlanLimits& limits);

}  // namespace dak
