#pragma once

#include <cstdint>
#include <span>

#include "dakkar/tensor/float_formats.h"

namespace dak {

/// Largest finite value of e4m3, and of e2m1.
inline constexpr float kE4M3Max = 448.0F;
inline constexpr float kE2M1Max = 6.0F;
/// What the largest block scale of a four-over-six tensor may be on the 6-grid: the 4-grid needs
/// scales 1.5 times larger, which still fit below 448.
inline constexpr float kFourOverSixTop = 256.0F;

/// Largest magnitude; infinity or NaN when a value is not finite.
[[nodiscard]] float largest_magnitude(std::span<const float> values);

/// The scale of an FP8 tensor whose largest magnitude is `amax`: amax / 448, and 1 for zeros.
[[nodiscard]] float fp8_scale(float amax);
/// `weight_scale_2` of a four-over-six NVFP4 tensor: amax / (6 * 256), and 1 for zeros.
[[nodiscard]] float nvfp4_scale(float amax);
/// `input_scale` of an NVFP4 linear: amax / (6 * 448), and 1 for zeros.
[[nodiscard]] float nvfp4_input_scale(float amax);

/// Rounds values / scale to e4m3, as many as `to` holds.
/// Returns the sum of the squared errors of code * scale.
double encode_fp8(std::span<const float> values, float scale, std::span<F8E4M3> to);

/// One or more whole rows of NVFP4.
struct Nvfp4Codes {
  std::span<uint8_t> values;       ///< two codes a byte, the even column in the low nibble
  std::span<F8E4M3> block_scales;  ///< one per 16 values
};

/// Which grids a block of 16 may be put on.
enum class Nvfp4Grids {
  kSix,        ///< its largest value becomes 6
  kFourOrSix,  ///< 6 or 4, whichever leaves the smaller squared error; 6 when they are equal
};

/// Encodes values, a whole number of blocks of 16: w = e2m1 * block scale * scale.
///
/// A block scale is e4m3(largest of the block / (top * scale)) within [2^-9, 448], top being 6 or
/// 4; a block of zeros has 1. Codes are nearest, ties to even. Returns the sum of squared errors.
/// Source: ModelOpt's NVFP4 export; "Four Over Six" (Cook et al. 2025) for the choice of the grid.
double encode_nvfp4(std::span<const float> values, float scale, Nvfp4Grids grids, Nvfp4Codes to);

}  // namespace dak
