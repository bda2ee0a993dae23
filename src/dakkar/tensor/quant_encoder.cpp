#include "dakkar/tensor/quant_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "dakkar/base/check.h"
#include "dakkar/tensor/quant_view.h"

namespace dak {
namespace {

constexpr auto kBlock = static_cast<size_t>(kNvfp4Block);
constexpr float kLeastBlockScale = 0x1p-9F;  // the smallest e4m3 above zero

using Block = std::span<const float, kBlock>;

/// A block on one grid.
struct CodedBlock {
  F8E4M3 scale{};
  std::array<uint8_t, kBlock> codes{};
  double error = 0.0;
};

CodedBlock encode_on_grid(Block block, float peak, float top, float scale) {
  CodedBlock coded;
  const float wanted = peak / (top * scale);
  coded.scale = to_f8e4m3(std::clamp(wanted, kLeastBlockScale, kE4M3Max));
  const float block_scale = to_float(coded.scale);
  const float step = block_scale * scale;
  std::array<float, kBlock> magnitudes{};
  for (size_t i = 0; i < kBlock; ++i) {
    const float value = std::abs(block[i]) / step;
    // Ties go to the even code, so that every second border belongs to the code above it.
    const int code = (value > 0.25F) + (value >= 0.75F) + (value > 1.25F) + (value >= 1.75F) +
                     (value > 2.5F) + (value >= 3.5F) + (value > 5.0F);
    // Twice the magnitude: 0, 1, 2, 3, 4, 6, 8, 12.
    const int doubled = code + (code > 4) + (code > 5) + 3 * (code > 6);
    magnitudes[i] = static_cast<float>(doubled) * 0.5F;
    coded.codes[i] = static_cast<uint8_t>(code + 8 * (block[i] < 0.0F));
  }
  for (size_t i = 0; i < kBlock; ++i) {
    const float decoded = magnitudes[i] * block_scale * scale;
    const double miss = static_cast<double>(std::abs(block[i])) - static_cast<double>(decoded);
    coded.error += miss * miss;
  }
  return coded;
}

CodedBlock encode_block(Block block, float scale, Nvfp4Grids grids) {
  const float peak = largest_magnitude(block);
  if (peak == 0.0F) {
    return {.scale = to_f8e4m3(1.0F)};
  }
  const CodedBlock six = encode_on_grid(block, peak, kE2M1Max, scale);
  if (grids == Nvfp4Grids::kSix) {
    return six;
  }
  const CodedBlock four = encode_on_grid(block, peak, 4.0F, scale);
  return four.error < six.error ? four : six;
}

float scale_or_one(float amax, float top) {
  const float scale = amax / top;
  return scale > 0.0F ? scale : 1.0F;
}

}  // namespace

float largest_magnitude(std::span<const float> values) {
  uint32_t peak = 0;
  for (const float value : values) {
    peak = std::max(peak, std::bit_cast<uint32_t>(value) & 0x7fffffffU);
  }
  return std::bit_cast<float>(peak);
}

float fp8_scale(float amax) {
  return scale_or_one(amax, kE4M3Max);
}

float nvfp4_scale(float amax) {
  return scale_or_one(amax, kE2M1Max * kFourOverSixTop);
}

float nvfp4_input_scale(float amax) {
  return scale_or_one(amax, kE2M1Max * kE4M3Max);
}

double encode_fp8(std::span<const float> values, float scale, std::span<F8E4M3> to) {
  check(values.size() == to.size(), "a value has one code");
  double error = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    to[i] = to_f8e4m3(values[i] / scale);
    const double miss =
        static_cast<double>(values[i]) - static_cast<double>(to_float(to[i]) * scale);
    error += miss * miss;
  }
  return error;
}

double encode_nvfp4(std::span<const float> values, float scale, Nvfp4Grids grids, Nvfp4Codes to) {
  check(values.size() % kBlock == 0, "NVFP4 values come in blocks of 16");
  check(to.values.size() == values.size() / 2, "two NVFP4 codes share a byte");
  check(to.block_scales.size() == values.size() / kBlock, "a block has one scale");
  double error = 0.0;
  for (size_t block = 0; block < to.block_scales.size(); ++block) {
    const CodedBlock coded =
        encode_block(Block(values.data() + block * kBlock, kBlock), scale, grids);
    to.block_scales[block] = coded.scale;
    for (size_t pair = 0; pair < kBlock / 2; ++pair) {
      to.values[block * kBlock / 2 + pair] =
          static_cast<uint8_t>(coded.codes[2 * pair] | coded.codes[2 * pair + 1] << 4);
    }
    error += coded.error;
  }
  return error;
}

}  // namespace dak
