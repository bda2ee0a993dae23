#include "dakkar/device/cpu/row_groups.h"

#include <bit>
#include <cstring>

#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Writes pairs of bf16 `stride` pairs apart.
void spread_bf16(const uint16_t* row, int64_t columns, uint32_t* to, int64_t stride) {
  for (int64_t pair = 0; pair < columns / 2; ++pair) {
    std::memcpy(to + pair * stride, row + 2 * pair, sizeof(uint32_t));
  }
  if (columns % 2 != 0) {
    to[columns / 2 * stride] = row[columns - 1];
  }
}

/// As above for f32 values that bf16 holds.
void spread_exact(std::span<const float> row, uint32_t* to, int64_t stride) {
  for (size_t k = 0; k < row.size(); k += 2) {
    const uint32_t first = std::bit_cast<uint32_t>(row[k]) >> 16;
    const uint32_t second = k + 1 < row.size() ? std::bit_cast<uint32_t>(row[k + 1]) : 0;
    *to = first | (second & 0xffff0000U);
    to += stride;
  }
}

/// Writes columns `stride` values apart, an even number of them.
void spread_columns(std::span<const float> row, float* to, int64_t stride) {
  for (const float value : row) {
    *to = value;
    to += stride;
  }
  if (row.size() % 2 != 0) {
    *to = 0.0F;
  }
}

}  // namespace

void RowGroups::fill(int64_t group, const Source& source, std::span<float> row) {
  const int64_t begin = first_row(group);
  const int64_t stride = first_row(group + 1) - begin;
  std::byte* base = data_ + begin * row_bytes(shape_);
  const bool pairs = shape_.form == InputForm::kBf16Pairs;
  const bool rounds = source.input_scale > 0.0F;
  check(!pairs || rounds || source.x.dtype == DType::kBF16, "dot products take bf16 activations");
  for (int64_t r = 0; r < stride; ++r) {
    const int64_t from = source.rows[begin + r];
    auto* words = reinterpret_cast<uint32_t*>(base) + r;
    if (pairs && !rounds) {
      spread_bf16(reinterpret_cast<const uint16_t*>(row_address(source.x, from)), shape_.columns,
                  words, stride);
      continue;
    }
    load_row(source.x, from, row);
    if (rounds) {
      round_to_e4m3_avx2(row.data(), shape_.columns, source.input_scale);
    }
    if (pairs) {
      spread_exact(row, words, stride);
    } else {
      spread_columns(row, reinterpret_cast<float*>(base) + r, stride);
    }
  }
}

}  // namespace dak::cpu
