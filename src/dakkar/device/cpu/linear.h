#pragma once

#include "dakkar/device/cpu/panels.h"
#include "dakkar/device/kernel_table.h"
#include "dakkar/device/worker_team.h"

namespace dak::cpu {

/// The panel products of a processor.
struct LinearKernels {
  const PanelKernels& fast;   ///< for activations that bf16 holds: bf16 ones and rounded e4m3 ones
  const PanelKernels& exact;  ///< for any activations
};

inline constexpr LinearKernels kLinearAvx2 = {.fast = kPanelsAvx2, .exact = kPanelsAvx2};
inline constexpr LinearKernels kLinearAvx512 = {.fast = kPanelsAvx512, .exact = kPanelsAvx512};
inline constexpr LinearKernels kLinearAvx512Bf16 = {.fast = kPanelsAvx512Bf16,
                                                    .exact = kPanelsAvx512};

/// `ops::linear` and `ops::expert_linear` for weights of `pack_panels`, spread over panels of
/// outputs. Instantiated for the kernels above.
template <const LinearKernels& kKernels>
void linear(WorkerTeam& team, const LinearArgs& args);
template <const LinearKernels& kKernels>
void expert_linear(WorkerTeam& team, const ExpertLinearArgs& args);

/// What of a processor's kernels multiplies `x` with `weight`.
[[nodiscard]] const PanelKernels& choose(const LinearKernels& kernels, const TensorView& x,
                                         const PackedWeight& weight);

/// All kernels of one instruction set.
[[nodiscard]] const KernelTable& kernels_avx2();
[[nodiscard]] const KernelTable& kernels_avx512();
[[nodiscard]] const KernelTable& kernels_avx512_bf16();

}  // namespace dak::cpu
