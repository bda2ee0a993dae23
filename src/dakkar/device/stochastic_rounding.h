#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dakkar/tensor/float_formats.h"

namespace dak {

/// Rounds to f16 by adding 13 random bits below the kept ones and truncating: exact in expectation
/// in the normal range; the subnormal range (below 2^-14) becomes zero, overflow becomes infinity.
///
/// `random`: its low 13 bits are used. Bit-compatible with the f16 cache of other engines
/// (spec/model.md 5.3); use `round_stochastic` for our own state.
[[nodiscard]] F16 round_stochastic_flushing(float value, uint32_t random);

/// As above, but unbiased in the subnormal range too, where as many more random bits are used as
/// the format drops, and saturating at 65504. All 32 bits of `random` should be random.
[[nodiscard]] F16 round_stochastic(float value, uint32_t random);

/// The server's constant: states stored by one server mean the same to the next.
inline constexpr uint64_t kRoundingSeed = 0x44616b6b61723136U;

/// Names a row of a stored SSM state among all rows that a server ever stores: the same on every
/// rank and for every request (decision 11).
struct RoundedRow {
  uint64_t seed = 0;     ///< a constant of the server
  int64_t layer = 0;     ///< ordinal of the Mamba layer
  int64_t position = 0;  ///< tokens that the state stands for, a multiple of 16
  int64_t row = 0;       ///< head of the whole model * P + channel
};

/// Elements that share the random words of one generator call.
inline constexpr int64_t kRoundingBlock = 8;

/// Random words for the elements 8 * block .. 8 * block + 7 of a row: Philox of 5 rounds with key
/// `seed` and counter (block, row, position, layer). Element 8 * block + i is rounded with sixteen
/// bits, the low (i even) or high (i odd) half of word i / 2, as the high half of its `random`.
///
/// Sixteen bits are exact in f16's normal range, and to 2^-16 of its smallest unit below.
[[nodiscard]] std::array<uint32_t, 4> rounding_words(const RoundedRow& row, int64_t block);

/// Rounds all N elements of `row`, each by `round_stochastic`.
void round_row(const RoundedRow& row, std::span<const float> from, F16* to);

}  // namespace dak
