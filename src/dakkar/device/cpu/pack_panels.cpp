#include "dakkar/device/cpu/pack_panels.h"

#include <algorithm>
#include <cstring>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

int64_t panels_of(int64_t n) {
  return (n + kPanel - 1) / kPanel;
}

int64_t pairs_of(int64_t k) {
  return (k + 1) / 2;
}

/// Where an output lies in its panel.
struct Lane {
  explicit Lane(int64_t n) : panel(n / kPanel), group(n % kPanel / kGroup), index(n % kGroup) {}

  int64_t panel;
  int64_t group;
  int64_t index;
};

Buffer pack_bf16(const QuantView& weight) {
  const int64_t pairs = pairs_of(weight.columns);
  Buffer buffer(panels_of(weight.rows) * pairs * kBf16PairBytes);
  auto* packed = reinterpret_cast<uint16_t*>(buffer.data());
  const auto* values = reinterpret_cast<const uint16_t*>(weight.values.data);
  for (int64_t n = 0; n < weight.rows; ++n) {
    const uint16_t* row = values + n * weight.values.stride(0);
    const Lane lane(n);
    uint16_t* to = packed + (lane.panel * pairs * kPanel + lane.group * kGroup + lane.index) * 2;
    for (int64_t column = 0; column < weight.columns; ++column) {
      to[column / 2 * kPanel * 2 + column % 2] = row[column];
    }
  }
  return buffer;
}

Buffer pack_fp8(const QuantView& weight) {
  const int64_t pairs = pairs_of(weight.columns);
  Buffer buffer(panels_of(weight.rows) * pairs * kFp8PairBytes);
  for (int64_t n = 0; n < weight.rows; ++n) {
    const std::byte* row = weight.values.data + n * weight.values.stride(0);
    const Lane lane(n);
    const int64_t word = 2 * lane.index;
    std::byte* to = buffer.data() + lane.panel * pairs * kFp8PairBytes + lane.group / 2 * 64 +
                    word / 8 * 16 + lane.group % 2 * 8 + word % 8;
    for (int64_t column = 0; column < weight.columns; ++column) {
      to[column / 2 * kFp8PairBytes + column % 2] = row[column];
    }
  }
  return buffer;
}

bool is_nan(std::byte e4m3) {
  return (e4m3 & std::byte{0x7f}) == std::byte{0x7f};
}

/// Panels decode e4m3 by arithmetic that knows no NaN.
bool has_nan(const TensorView& codes) {
  for (int64_t n = 0; n < codes.dim(0); ++n) {
    const std::byte* row = codes.data + n * codes.stride(0);
    if (std::any_of(row, row + codes.dim(1), is_nan)) {
      return true;
    }
  }
  return false;
}

/// The layout a weight gets, once its shapes are known to be right.
int32_t layout_of(const QuantView& weight) {
  switch (weight.format) {
    case QuantFormat::kBF16:
      return kBf16Panels;
    case QuantFormat::kNvfp4:
      return has_nan(weight.block_scales) ? kReferenceLayout : kNvfp4Panels;
    case QuantFormat::kFp8:
      return has_nan(weight.values) ? kReferenceLayout : kFp8Panels;
    case QuantFormat::kF32:
    case QuantFormat::kF16:
      break;
  }
  return kReferenceLayout;
}

Buffer pack_nvfp4(const QuantView& weight) {
  const int64_t blocks = weight.columns / kScaledColumns;
  Buffer buffer(panels_of(weight.rows) * blocks * kNvfp4BlockBytes);
  for (int64_t n = 0; n < weight.rows; ++n) {
    const std::byte* codes = weight.values.data + n * weight.values.stride(0);
    const std::byte* scales = weight.block_scales.data + n * weight.block_scales.stride(0);
    const Lane lane(n);
    std::byte* panel = buffer.data() + lane.panel * blocks * kNvfp4BlockBytes;
    for (int64_t block = 0; block < blocks; ++block) {
      std::byte* to = panel + block * kNvfp4BlockBytes;
      to[n % kPanel] = scales[block];
      // Nibble `group` of two words, one for each column of a pair.
      to += kPanel + 4 * lane.index + lane.group / 2;
      for (int64_t pair = 0; pair < kScaledPairs; ++pair) {
        const std::byte both = codes[block * kScaledPairs + pair];
        const auto shift = static_cast<int>(lane.group % 2 * 4);
        to[pair * kNvfp4PairBytes] |= (both & std::byte{0xf}) << shift;
        to[pair * kNvfp4PairBytes + 2] |= (both >> 4) << shift;
      }
    }
  }
  return buffer;
}

}  // namespace

Result<PackedWeight> pack_panels(const QuantView& weight, Numerics numerics) {
  if (numerics == Numerics::kF32) {
    return fail(ErrorCode::kUnimplemented, "f32 numerics run on the reference kernels only");
  }
  Result<PackedWeight> packed = describe_weight(weight, numerics);
  if (!packed || weight.empty()) {
    return packed;
  }
  packed->layout = layout_of(weight);
  if (packed->layout == kReferenceLayout) {
    return pack_reference(weight, numerics);
  }
  packed->data = packed->layout == kBf16Panels    ? pack_bf16(weight)
                 : packed->layout == kNvfp4Panels ? pack_nvfp4(weight)
                                                  : pack_fp8(weight);
  return packed;
}

}  // namespace dak::cpu
