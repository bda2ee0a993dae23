#pragma once

#include "dakkar/device/cpu/state_rows.h"
#include "dakkar/device/ops_mamba.h"

namespace dak::cpu {

/// `ops::ssm_scan`: decoding sequences by `kReplay`, prefilling ones as the reference does.
/// Instantiated for the two forms of `replay_head_*`.
template <void (*kReplay)(const HeadReplay&)>
void ssm_scan(const SsmScanArgs& args);

}  // namespace dak::cpu
