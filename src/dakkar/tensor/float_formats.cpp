#include "dakkar/tensor/float_formats.h"

#include <array>

namespace dak {

float to_float(F16 value) {
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x8000U) << 16;
  const uint32_t exponent = (value.bits >> 10) & 0x1fU;
  const uint32_t mantissa = value.bits & 0x3ffU;
  if (exponent == 0x1fU) {
    return std::bit_cast<float>(sign | 0x7f800000U | (mantissa << 13));
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (mantissa << 13));
}

float to_float(F8E4M3 value) {
  const uint32_t exponent = (value.bits >> 3) & 0xfU;
  const uint32_t mantissa = value.bits & 7U;
  const uint32_t sign = static_cast<uint32_t>(value.bits & 0x80U) << 24;
  if (exponent == 0xfU && mantissa == 7U) {
    return std::bit_cast<float>(sign | 0x7fc00000U);
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(mantissa) * 0x1p-9F;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 120U) << 23) | (mantissa << 20));
}

F16 to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {
    return {static_cast<uint16_t>(sign | 0x7e00U)};
  }
  if (magnitude >= 0x477ff000U) {  // 65520 and up round to infinity
    return {static_cast<uint16_t>(sign | 0x7c00U)};
  }
  if (magnitude < 0x38800000U) {  // below 2^-14: a multiple of 2^-24
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p24F;
    return {static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(scaled)))};
  }
  const uint32_t rounded = magnitude + 0xfffU + ((magnitude >> 13) & 1U);
  return {static_cast<uint16_t>(sign | ((rounded - 0x38000000U) >> 13))};
}

F8E4M3 to_f8e4m3(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint8_t>((bits >> 24) & 0x80U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {
    return {static_cast<uint8_t>(sign | 0x7fU)};
  }
  if (magnitude >= 0x43e00000U) {  // 448 and up saturate
    return {static_cast<uint8_t>(sign | 0x7eU)};
  }
  if (magnitude < 0x3c800000U) {  // below 2^-6: a multiple of 2^-9
    const float scaled = std::bit_cast<float>(magnitude) * 0x1p9F;
    return {static_cast<uint8_t>(sign | static_cast<uint8_t>(std::nearbyint(scaled)))};
  }
  const uint32_t rounded = magnitude + 0x7ffffU + ((magnitude >> 20) & 1U);
  return {static_cast<uint8_t>(sign | ((rounded - 0x3c000000U) >> 20))};
}

float e2m1_value(uint8_t code) {
  static constexpr std::array<float, 16> kValues = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,
                                                    4.0F,  6.0F,  -0.0F, -0.5F, -1.0F, -1.5F,
                                                    -2.0F, -3.0F, -4.0F, -6.0F};
  return kValues[code & 0xfU];
}

}  // namespace dak
