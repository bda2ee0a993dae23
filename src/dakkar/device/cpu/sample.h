#pragma once

#include "dakkar/device/cpu/scores.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/worker_team.h"

namespace dak::cpu {

/// `ops::sample`, a row per part. Greedy rows read their logits once; shares are f32 and are added
/// up in blocks of f32, the blocks in double. Instantiated for the two instruction sets.
template <const ScoreKernels& kKernels>
void sample(WorkerTeam& team, const SampleArgs& args);

}  // namespace dak::cpu
