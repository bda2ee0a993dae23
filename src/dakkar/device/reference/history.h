#pragma once

#include <cstdint>
#include <limits>

namespace dak::reference {

/// Bit 31 of a history entry: the token was in the prompt.
inline constexpr int32_t kSeenInPrompt = std::numeric_limits<int32_t>::min();
/// The other bits: how often it was output.
inline constexpr int32_t kTimesOutputMask = std::numeric_limits<int32_t>::max();

[[nodiscard]] constexpr int32_t times_output(int32_t entry) {
  return entry & kTimesOutputMask;
}

}  // namespace dak::reference
