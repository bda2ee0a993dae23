#pragma once

#include "dakkar/device/cpu/key_block.h"
#include "dakkar/device/ops_attention.h"
#include "dakkar/device/worker_team.h"

namespace dak::cpu {

/// `ops::attention`, a query's result being the same bits whatever the step it is computed in.
/// Instantiated for the two instruction sets.
template <const KeyBlockKernels& kKernels>
void attention(WorkerTeam& team, const AttentionArgs& args);

/// By bf16 dot products, which only `InstructionSet::kAvx512Bf16` has: keys, queries and outputs in
/// bf16, or keys in e4m3; other arguments go the way of `attention` above.
void attention_by_dots(WorkerTeam& team, const AttentionArgs& args);

}  // namespace dak::cpu
