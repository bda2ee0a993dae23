#pragma once

#include "dakkar/bench/costs.h"
#include "dakkar/device/kernel_table.h"

namespace dak::bench {

/// What one call inside a step cannot do without: weights, recurrent state and KV that it touches,
/// which no cache holds from one step to the next, and operations. Activations count nothing: they
/// are small and were just written. Counts and tables are read: host devices only.

[[nodiscard]] Cost step_cost(const LinearArgs& args);
/// The experts that this call's choices name, each once.
[[nodiscard]] Cost step_cost(const ExpertLinearArgs& args);
/// The gate.
[[nodiscard]] Cost step_cost(const RouteArgs& args);
/// Decoding sequences as in `ssm_decode_cost`; prefilling ones as in `ssm_prefill_cost`.
[[nodiscard]] Cost step_cost(const SsmScanArgs& args);
/// Keys and values that the step's queries see, and their products.
[[nodiscard]] Cost step_cost(const AttentionArgs& args);
/// The rows looked up.
[[nodiscard]] Cost step_cost(const EmbedArgs& args);

}  // namespace dak::bench
