#pragma once

#include <cstddef>
#include <cstdint>

/// Plain types only, as in panels.h.
namespace dak::cpu {

/// Element types that vector kernels read and write.
enum class Stored { kF32, kBF16 };

/// A row of a tensor.
struct Elements {
  std::byte* data = nullptr;
  Stored stored = Stored::kF32;
};

}  // namespace dak::cpu
