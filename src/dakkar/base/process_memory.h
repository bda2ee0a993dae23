#pragma once

#include <cstdint>

namespace dak {

/// Most bytes that this process has had in memory at a time, mapped files included; 0 when the
/// kernel does not say.
[[nodiscard]] int64_t peak_resident_bytes();

}  // namespace dak
