#pragma once

#include "dakkar/device/cpu/ring_scan.h"

/// `RingKernels::round` in loops that compilers turn into vectors; `V` only names the instruction
/// set whose file instantiates them.
namespace dak::cpu {

/// Blocks of eight elements whose random words are made together.
inline constexpr int64_t kBlocksTogether = 16;

/// One multiplication of a Philox round for all blocks: the product's halves.
struct WideProducts {
  uint32_t low[kBlocksTogether];
  uint32_t high[kBlocksTogether];
};

template <typename V>
void multiply_words(uint32_t factor, const uint32_t* words, WideProducts& to) {
  for (int64_t i = 0; i < kBlocksTogether; ++i) {
    const uint64_t product = uint64_t{factor} * words[i];
    to.low[i] = static_cast<uint32_t>(product);
    to.high[i] = static_cast<uint32_t>(product >> 32);
  }
}

/// Random bits of sixteen blocks from `block` on, sixteen for each element.
template <typename V>
void random_bits(const RowName& name, uint32_t block, uint16_t* to) {
  constexpr int kRounds = 5;
  uint32_t words[4][kBlocksTogether];
  for (int64_t i = 0; i < kBlocksTogether; ++i) {
    words[0][i] = block + static_cast<uint32_t>(i);
    words[1][i] = name.row;
    words[2][i] = name.position;
    words[3][i] = name.layer;
  }
  auto low = static_cast<uint32_t>(name.seed);
  auto high = static_cast<uint32_t>(name.seed >> 32);
  for (int round = 0; round < kRounds; ++round) {
    WideProducts first;
    WideProducts third;
    multiply_words<V>(0xD2511F53U, words[0], first);
    multiply_words<V>(0xCD9E8D57U, words[2], third);
    for (int64_t i = 0; i < kBlocksTogether; ++i) {
      words[0][i] = third.high[i] ^ words[1][i] ^ low;
      words[1][i] = third.low[i];
      words[2][i] = first.high[i] ^ words[3][i] ^ high;
      words[3][i] = first.low[i];
    }
    low += 0x9E3779B9U;
    high += 0xBB67AE85U;
  }
  for (int64_t i = 0; i < kBlocksTogether; ++i) {
    for (int64_t w = 0; w < 4; ++w) {
      to[8 * i + 2 * w] = static_cast<uint16_t>(words[w][i]);
      to[8 * i + 2 * w + 1] = static_cast<uint16_t>(words[w][i] >> 16);
    }
  }
}

/// `round_stochastic` with `bits` as the high half of its random word.
template <typename V>
uint16_t round_bits(uint32_t value, uint32_t bits) {
  const uint32_t random = bits << 16;
  const uint32_t magnitude = value & 0x7fffffffU;
  // Normal numbers: thirteen random bits below the kept ones.
  const uint32_t normal = (magnitude + (random >> 19) - (112U << 23)) >> 13;
  // Below 2^-14, multiples of 2^-24; shifts beyond a word leave a carry, or nothing at all.
  const uint32_t exponent = magnitude >> 23;
  const uint32_t mantissa = (magnitude & 0x7fffffU) | 0x800000U;
  const uint32_t discard = 126U - (exponent == 0U ? 1U : exponent);
  const uint32_t within = discard - 1U < 31U ? discard : 31U;
  const uint32_t small = (mantissa + (random >> (32U - within))) >> within;
  const uint32_t beyond = discard - 32U < 31U ? discard - 32U : 31U;
  const uint32_t carry = (mantissa >> beyond) + random < random ? 1U : 0U;
  const uint32_t below = discard < 32U ? small : carry;
  uint32_t rounded = exponent < 113U ? below : normal;
  rounded = magnitude >= 0x477fe000U ? 0x7bffU : rounded;
  rounded = magnitude > 0x7f800000U ? 0x7e00U : rounded;
  return static_cast<uint16_t>(rounded | ((value >> 16) & 0x8000U));
}

template <typename V>
void round_row(const RoundRow& row) {
  uint16_t bits[8 * kBlocksTogether];
  for (int64_t n = 0; n < row.count; n += 8 * kBlocksTogether) {
    random_bits<V>(row.name, static_cast<uint32_t>(n / 8), bits);
    const int64_t left = row.count - n;
    const int64_t count = left < 8 * kBlocksTogether ? left : 8 * kBlocksTogether;
    const auto* from = reinterpret_cast<const uint32_t*>(row.from + n);
    for (int64_t i = 0; i < count; ++i) {
      row.to[n + i] = round_bits<V>(from[i], bits[i]);
    }
  }
}

}  // namespace dak::cpu
