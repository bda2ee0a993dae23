#pragma once

#include "dakkar/device/cpu/panels.h"
#include "dakkar/device/kernel_table.h"

namespace dak::cpu {

/// The panel products of one instruction set.
struct PanelKernels {
  void (*bf16)(const PanelProduct& product) = nullptr;
  void (*nvfp4)(const PanelProduct& product) = nullptr;
  void (*fp8)(const PanelProduct& product) = nullptr;
};

inline constexpr PanelKernels kAvx2 = {
    .bf16 = multiply_bf16_avx2, .nvfp4 = multiply_nvfp4_avx2, .fp8 = multiply_fp8_avx2};
inline constexpr PanelKernels kAvx512 = {
    .bf16 = multiply_bf16_avx512, .nvfp4 = multiply_nvfp4_avx512, .fp8 = multiply_fp8_avx512};

/// `ops::linear` and `ops::expert_linear` for weights of `pack_panels`. Instantiated for the two
/// instruction sets above.
template <const PanelKernels& kKernels>
void linear(const LinearArgs& args);
template <const PanelKernels& kKernels>
void expert_linear(const ExpertLinearArgs& args);

/// All kernels of one instruction set.
[[nodiscard]] const KernelTable& kernels_avx2();
[[nodiscard]] const KernelTable& kernels_avx512();
[[nodiscard]] const KernelTable& kernels_avx512_bf16();

}  // namespace dak::cpu
