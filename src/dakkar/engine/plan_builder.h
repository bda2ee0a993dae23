#pragma once

#include <cstdint>

#include "dakkar/engine/sequence.h"
#include "dakkar/engine/step_plan.h"

namespace dak {

/// Logit biases and stop ids that one request may bring; the ranks' arrays are sized by it.
inline constexpr int64_t kMaxListEntries = 1024;

/// Adds the next `rows` tokens of a running sequence to a step and moves the sequence's launched
/// position past them: known tokens while it prefills, else one row that takes the slot's last
/// token. Draws after the last token to prefill. Sends the pages and offsets that ranks lack.
void append_sequence(GroupPlan& group, Sequence& sequence, int64_t rows);

}  // namespace dak
