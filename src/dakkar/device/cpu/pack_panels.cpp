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
  const bool bf16 = weight.format == QuantFormat::kBF16;
  if (weight.empty() || (!bf16 && weight.format != QuantFormat::kNvfp4)) {
    return pack_reference(weight, numerics);
  }
  Result<PackedWeight> packed = describe_weight(weight, numerics);
  if (packed) {
    packed->layout = bf16 ? kBf16Panels : kNvfp4Panels;
    packed->data = bf16 ? pack_bf16(weight) : pack_nvfp4(weight);
  }
  return packed;
}

}  // namespace dak::cpu
