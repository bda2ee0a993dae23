#pragma once

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

}  // namespace dak
