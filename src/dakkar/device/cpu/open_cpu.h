#pragma once

#include <memory>

#include "dakkar/device/backend.h"

namespace dak::cpu {

/// Instruction sets that linears are written for.
enum class InstructionSet { kAvx2, kAvx512 };

/// Whether this processor runs it.
[[nodiscard]] bool supports(InstructionSet set);

/// The CPU backend with the kernels of `set`, which the processor must support.
[[nodiscard]] std::unique_ptr<Backend> open_with(InstructionSet set);

}  // namespace dak::cpu
