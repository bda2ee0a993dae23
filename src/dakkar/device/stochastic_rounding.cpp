#include "dakkar/device/stochastic_rounding.h"

#include "dakkar/device/philox.h"

namespace dak {
namespace {

constexpr int kRounds = 5;
constexpr uint32_t kDropped = 13;  // mantissa bits that f32 has and f16 has not
constexpr uint32_t kMagnitude = 0x7fffffffU;
constexpr uint32_t kF32Infinity = 0x7f800000U;
constexpr uint16_t kF16Infinity = 0x7c00U;
constexpr uint16_t kF16Largest = 0x7bffU;

uint16_t sign_of(uint32_t bits) {
  return static_cast<uint16_t>((bits >> 16) & 0x8000U);
}

/// `magnitude` is below 2^-14: rounds to a multiple of 2^-24.
uint16_t round_subnormal(uint32_t magnitude, uint32_t random) {
  const uint32_t exponent = magnitude >> 23;
  const uint64_t mantissa = exponent == 0 ? magnitude : (magnitude & 0x7fffffU) | 0x800000U;
  // The value is mantissa * 2^(exponent - 150); exponents below 95 leave less than 2^-8 of a unit
  // per bit lost, so that 32 random bits still decide.
  const uint32_t discard = 126U - (exponent == 0 ? 1U : exponent);
  if (discard > 56U) {
    return 0;
  }
  const uint64_t noise =
      discard >= 32U ? uint64_t{random} << (discard - 32U) : uint64_t{random} >> (32U - discard);
  return static_cast<uint16_t>((mantissa + noise) >> discard);
}

}  // namespace

F16 round_stochastic_flushing(float value, uint32_t random) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & kMagnitude) >= kF32Infinity) {
    return to_f16(value);
  }
  const uint32_t sum = (bits & kMagnitude) + (random & ((1U << kDropped) - 1U));
  const uint32_t exponent = sum >> 23;
  if (exponent > 142U) {
    return {static_cast<uint16_t>(sign_of(bits) | kF16Infinity)};
  }
  if (exponent < 113U) {
    return {sign_of(bits)};
  }
  const uint32_t mantissa = (sum & 0x7fffffU) >> kDropped;
  return {static_cast<uint16_t>(sign_of(bits) | ((exponent - 112U) << 10) | mantissa)};
}

F16 round_stochastic(float value, uint32_t random) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & kMagnitude;
  if (magnitude > kF32Infinity) {
    return to_f16(value);
  }
  if ((magnitude >> 23) < 113U) {
    return {static_cast<uint16_t>(sign_of(bits) | round_subnormal(magnitude, random))};
  }
  if (magnitude >= 0x477fe000U) {  // 65504
    return {static_cast<uint16_t>(sign_of(bits) | kF16Largest)};
  }
  const uint32_t sum = magnitude + (random >> (32U - kDropped));
  const auto rounded = static_cast<uint16_t>((sum - (112U << 23)) >> kDropped);
  return {static_cast<uint16_t>(sign_of(bits) | rounded)};
}

std::array<uint32_t, 4> rounding_words(const RoundedRow& row, int64_t block) {
  return philox(row.seed,
                {static_cast<uint32_t>(block), static_cast<uint32_t>(row.row),
                 static_cast<uint32_t>(row.position), static_cast<uint32_t>(row.layer)},
                kRounds);
}

void round_row(const RoundedRow& row, std::span<const float> from, F16* to) {
  constexpr auto kBlock = static_cast<size_t>(kRoundingBlock);
  std::array<uint32_t, 4> words{};
  for (size_t n = 0; n < from.size(); ++n) {
    const size_t i = n % kBlock;
    if (i == 0) {
      words = rounding_words(row, static_cast<int64_t>(n / kBlock));
    }
    const uint32_t word = words[i / 2];
    to[n] = round_stochastic(from[n], i % 2 == 0 ? word << 16 : word & 0xffff0000U);
  }
}

}  // namespace dak
