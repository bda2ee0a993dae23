#pragma once

#include "dakkar/device/cpu/key_block.h"
#include "dakkar/device/ops_attention.h"

namespace dak::cpu {

/// `ops::attention`, a query's result being the same bits whatever the step it is computed in.
/// Instantiated for the two instruction sets.
template <const KeyBlockKernels& kKernels>
void attention(const AttentionArgs& args);

}  // namespace dak::cpu
