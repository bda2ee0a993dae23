#pragma once

#include <memory>
#include <string_view>

#include "dakkar/device/backend.h"

namespace dak::cpu {

/// Instruction sets that kernels are written for.
enum class InstructionSet {
  kAvx2,
  kAvx512,
  kAvx512Bf16,  ///< dot products of bf16 and lookups of bytes (VBMI) too
};

/// Short name in letters, digits and underscores: "avx512_bf16".
[[nodiscard]] std::string_view name_of(InstructionSet set);

/// Whether this processor runs it.
[[nodiscard]] bool supports(InstructionSet set);

/// The CPU backend with the kernels of `set`, which the processor must support.
[[nodiscard]] std::unique_ptr<Backend> open_with(InstructionSet set);

}  // namespace dak::cpu
