#include "dakkar/device/cpu/pack_panels.h"

#include <algorithm>
#include <cstring>

#include "dakkar/device/cpu/panels.h"

namespace dak::cpu {
namespace {

/// Where output `n` of a panel of pairs goes: pair n % 16, low half first.
constexpr int64_t kPairs = kPanel / 2;

int64_t panels_of(int64_t n) {
  return (n + kPanel - 1) / kPanel;
}

Buffer pack_bf16(const QuantView& weight) {
  const int64_t k = weight.columns;
  Buffer buffer(panels_of(weight.rows) * k * kBf16ColumnBytes);
  auto* packed = reinterpret_cast<uint16_t*>(buffer.data());
  const auto* values = reinterpret_cast<const uint16_t*>(weight.values.data);
  for (int64_t n = 0; n < weight.rows; ++n) {
    const uint16_t* row = values + n * weight.values.stride(0);
    const int64_t lane = n % kPanel;
    uint16_t* to = packed + n / kPanel * k * kPanel + lane % kPairs * 2 + lane / kPairs;
    for (int64_t column = 0; column < k; ++column) {
      to[column * kPanel] = row[column];
    }
  }
  return buffer;
}

Buffer pack_fp8(const QuantView& weight) {
  const int64_t k = weight.columns;
  Buffer buffer(panels_of(weight.rows) * k * kPanel);
  for (int64_t n = 0; n < weight.rows; ++n) {
    const std::byte* row = weight.values.data + n * weight.values.stride(0);
    std::byte* to = buffer.data() + n / kPanel * k * kPanel + n % kPanel;
    for (int64_t column = 0; column < k; ++column) {
      to[column * kPanel] = row[column];
    }
  }
  return buffer;
}

/// Panels decode e4m3 by arithmetic that knows no NaN.
bool has_nan(const QuantView& weight) {
  for (int64_t n = 0; n < weight.rows; ++n) {
    const std::byte* row = weight.values.data + n * weight.values.stride(0);
    const auto is_nan = [](std::byte code) { return (code & std::byte{0x7f}) == std::byte{0x7f}; };
    if (std::any_of(row, row + weight.columns, is_nan)) {
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
      return kNvfp4Panels;
    case QuantFormat::kFp8:
      return has_nan(weight) ? kReferenceLayout : kFp8Panels;
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
    const int64_t lane = n % kPanel;
    std::byte* panel = buffer.data() + n / kPanel * blocks * kNvfp4BlockBytes;
    for (int64_t block = 0; block < blocks; ++block) {
      std::byte* to = panel + block * kNvfp4BlockBytes;
      to[lane] = scales[block];
      to += kPanel + lane % kPairs;
      for (int64_t column = 0; column < kScaledColumns; ++column) {
        const std::byte pair = codes[(block * kScaledColumns + column) / 2];
        const std::byte code = column % 2 == 0 ? pair & std::byte{0xf} : pair >> 4;
        to[column * kPairs] |= lane < kPairs ? code : code << 4;
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
