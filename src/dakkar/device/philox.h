#pragma once

#include <array>
#include <cstdint>

namespace dak {

/// Philox-4x32 with `rounds` rounds: four random words that depend on (key, counter) alone.
///
/// 10 rounds are the published default; 5 are enough for rounding.
/// Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
[[nodiscard]] constexpr std::array<uint32_t, 4> philox(uint64_t key,
                                                       std::array<uint32_t, 4> counter,
                                                       int rounds) {
  constexpr uint64_t kMultiplyFirst = 0xD2511F53U;
  constexpr uint64_t kMultiplyThird = 0xCD9E8D57U;
  auto key_low = static_cast<uint32_t>(key);
  auto key_high = static_cast<uint32_t>(key >> 32);
  std::array<uint32_t, 4> words = counter;
  for (int round = 0; round < rounds; ++round) {
    const uint64_t first = kMultiplyFirst * words[0];
    const uint64_t third = kMultiplyThird * words[2];
    words = {static_cast<uint32_t>(third >> 32) ^ words[1] ^ key_low, static_cast<uint32_t>(third),
             static_cast<uint32_t>(first >> 32) ^ words[3] ^ key_high,
             static_cast<uint32_t>(first)};
    key_low += 0x9E3779B9U;
    key_high += 0xBB67AE85U;
  }
  return words;
}

/// As above with the two low counter words given, the others zero.
[[nodiscard]] constexpr std::array<uint32_t, 4> philox(uint64_t key, uint64_t counter, int rounds) {
  const std::array<uint32_t, 4> words = {static_cast<uint32_t>(counter),
                                         static_cast<uint32_t>(counter >> 32), 0, 0};
  return philox(key, words, rounds);
}

/// A uniform number in [0, 1) with 53 random bits, a function of (key, counter).
[[nodiscard]] constexpr double philox_uniform(uint64_t key, uint64_t counter) {
  const std::array<uint32_t, 4> words = philox(key, counter, 10);
  const uint64_t bits = (uint64_t{words[0]} << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace dak
