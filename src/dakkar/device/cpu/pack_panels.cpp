#include "dakkar/device/cpu/pack_panels.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "dakkar/device/cpu/panels.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

int64_t panels_of(int64_t n) {
  return (n + kPanel - 1) / kPanel;
}

int64_t pairs_of(int64_t k) {
  return (k + 1) / 2;
}

/// Rows of a panel in the matrix: zeros for those beyond N.
class PanelRows {
 public:
  PanelRows(const TensorView& matrix, int64_t panel)
      : zeros_(static_cast<size_t>(matrix.dim(1) * size_of(matrix.dtype))) {
    for (int64_t i = 0; i < kPanel; ++i) {
      const int64_t n = panel * kPanel + i;
      rows_[static_cast<size_t>(i)] = n < matrix.dim(0) ? row_address(matrix, n) : zeros_.data();
    }
  }

  [[nodiscard]] const std::byte* row(int64_t output) const {
    return rows_[static_cast<size_t>(output)];
  }

 private:
  std::vector<std::byte> zeros_;
  std::array<const std::byte*, kPanel> rows_{};
};

/// Copies pairs of columns of type `Pair` to their places: `place(output)` among the kPanel pairs
/// of a pair of columns. Goes in tiles that a first cache holds.
template <typename Pair, typename Place>
void pack_pairs(const PanelRows& rows, int64_t columns, std::byte* to, const Place& place) {
  constexpr int64_t kTile = 16;
  constexpr auto kBytes = static_cast<int64_t>(sizeof(Pair));
  const int64_t pairs = columns / 2;
  for (int64_t begin = 0; begin < pairs; begin += kTile) {
    const int64_t end = std::min(pairs, begin + kTile);
    for (int64_t n = 0; n < kPanel; ++n) {
      const std::byte* from = rows.row(n);
      std::byte* at = to + place(n) * kBytes;
      for (int64_t pair = begin; pair < end; ++pair) {
        std::memcpy(at + pair * kPanel * kBytes, from + pair * kBytes, sizeof(Pair));
      }
    }
  }
  if (columns % 2 != 0) {
    for (int64_t n = 0; n < kPanel; ++n) {
      std::memcpy(to + (pairs * kPanel + place(n)) * kBytes, rows.row(n) + pairs * kBytes,
                  sizeof(Pair) / 2);
    }
  }
}

Buffer pack_bf16(const QuantView& weight, PagePool& pages) {
  const int64_t bytes = pairs_of(weight.columns) * kBf16PairBytes;
  Buffer buffer = pages.take(panels_of(weight.rows) * bytes);
  for (int64_t panel = 0; panel < panels_of(weight.rows); ++panel) {
    pack_pairs<uint32_t>(PanelRows(weight.values, panel), weight.columns,
                         buffer.data() + panel * bytes, [](int64_t n) { return n; });
  }
  return buffer;
}

/// In pairs of codes, of which eight by eight of two groups are interleaved.
int64_t fp8_place(int64_t n) {
  const int64_t group = n / kGroup;
  const int64_t i = n % kGroup;
  return group / 2 * 32 + i / 4 * 8 + group % 2 * 4 + i % 4;
}

Buffer pack_fp8(const QuantView& weight, PagePool& pages) {
  const int64_t bytes = pairs_of(weight.columns) * kFp8PairBytes;
  Buffer buffer = pages.take(panels_of(weight.rows) * bytes);
  for (int64_t panel = 0; panel < panels_of(weight.rows); ++panel) {
    pack_pairs<uint16_t>(PanelRows(weight.values, panel), weight.columns,
                         buffer.data() + panel * bytes, fp8_place);
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

/// The codes of one output of each group in a pair of columns: a word for each column.
uint32_t pack_codes(const std::array<uint32_t, 4>& pairs) {
  const uint32_t first =
      (pairs[0] & 0xfU) | (pairs[1] & 0xfU) << 4 | (pairs[2] & 0xfU) << 8 | (pairs[3] & 0xfU) << 12;
  const uint32_t second =
      pairs[0] >> 4 | (pairs[1] & 0xf0U) | (pairs[2] & 0xf0U) << 4 | (pairs[3] & 0xf0U) << 8;
  return first | second << 16;
}

void pack_nvfp4_block(const PanelRows& codes, int64_t block, std::byte* to) {
  const auto code = [&](int64_t output, int64_t pair) {
    return static_cast<uint32_t>(codes.row(output)[block * kScaledPairs + pair]);
  };
  for (int64_t i = 0; i < kGroup; ++i) {
    for (int64_t pair = 0; pair < kScaledPairs; ++pair) {
      const uint32_t words = pack_codes({code(i, pair), code(kGroup + i, pair),
                                         code(2 * kGroup + i, pair), code(3 * kGroup + i, pair)});
      std::memcpy(to + pair * kNvfp4PairBytes + i * 4, &words, sizeof(words));
    }
  }
}

Buffer pack_nvfp4(const QuantView& weight, PagePool& pages) {
  const int64_t blocks = weight.columns / kScaledColumns;
  Buffer buffer = pages.take(panels_of(weight.rows) * blocks * kNvfp4BlockBytes);
  for (int64_t panel = 0; panel < panels_of(weight.rows); ++panel) {
    const PanelRows codes(weight.values, panel);
    const PanelRows scales(weight.block_scales, panel);
    for (int64_t block = 0; block < blocks; ++block) {
      std::byte* to = buffer.data() + (panel * blocks + block) * kNvfp4BlockBytes;
      for (int64_t n = 0; n < kPanel; ++n) {
        to[n] = scales.row(n)[block];
      }
      pack_nvfp4_block(codes, block, to + kPanel);
    }
  }
  return buffer;
}

}  // namespace

Result<PackedWeight> pack_panels(const QuantView& weight, Numerics numerics, PagePool& pages) {
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
  packed->data = packed->layout == kBf16Panels    ? pack_bf16(weight, pages)
                 : packed->layout == kNvfp4Panels ? pack_nvfp4(weight, pages)
                                                  : pack_fp8(weight, pages);
  return packed;
}

}  // namespace dak::cpu
