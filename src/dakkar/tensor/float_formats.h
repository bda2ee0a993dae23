#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace dak {

/// Storage of one bf16 value: the high half of an f32.
struct BF16 {
  uint16_t bits;
};

/// Storage of one IEEE binary16 value.
struct F16 {
  uint16_t bits;
};

/// Storage of one e4m3fn value.
struct F8E4M3 {
  uint8_t bits;
};

/// Widens exactly.
[[nodiscard]] inline float to_float(float value) {
  return value;
}
[[nodiscard]] inline float to_float(BF16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}
[[nodiscard]] float to_float(F16 value);
[[nodiscard]] float to_float(F8E4M3 value);

/// Rounds to nearest, ties to even; NaN stays NaN.
[[nodiscard]] inline BF16 to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {
    return {static_cast<uint16_t>((bits >> 16) | 0x40U)};
  }
  return {static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}

/// Rounds to nearest, ties to even; overflow gives infinity, NaN stays NaN.
[[nodiscard]] F16 to_f16(float value);

/// Clamps to +-448, then rounds to nearest, ties to even; NaN becomes the format's NaN (0x7f).
[[nodiscard]] F8E4M3 to_f8e4m3(float value);

/// Value of the e2m1 code in the low nibble of `code`: bit 3 is the sign, bits 2..0 index
/// {0, 0.5, 1, 1.5, 2, 3, 4, 6}.
[[nodiscard]] float e2m1_value(uint8_t code);

/// `value` rounded through a storage type: what a later reader of that storage sees.
[[nodiscard]] inline float round_bf16(float value) {
  return to_float(to_bf16(value));
}
[[nodiscard]] inline float round_f8e4m3(float value) {
  return to_float(to_f8e4m3(value));
}

}  // namespace dak
