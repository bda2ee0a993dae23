#include "dakkar/device/weight_rows.h"

#include <algorithm>
#include <array>

#include "dakkar/device/row_access.h"

namespace dak {
namespace {

/// Weight rows decoded and multiplied together, so that additions of one sum do not wait on
/// another.
constexpr int64_t kWeightRows = 4;

using Sums = std::array<std::array<float, InputBlocks::kRows>, kWeightRows>;

void decode_nvfp4_row(const PackedWeight& weight, int64_t n, std::span<float> to) {
  const auto width = static_cast<int64_t>(to.size());
  const std::byte* codes = weight.data.data() + n * (width / 2);
  const std::byte* scales = weight.scales.data() + n * (width / kNvfp4Block);
  for (int64_t begin = 0; begin < width; begin += kNvfp4Block) {
    const float scale = to_float(F8E4M3{static_cast<uint8_t>(scales[begin / kNvfp4Block])});
    for (int64_t k = begin; k < begin + kNvfp4Block; k += 2) {
      const auto pair = static_cast<uint8_t>(codes[k / 2]);
      to[static_cast<size_t>(k)] = e2m1_value(pair) * scale;
      to[static_cast<size_t>(k + 1)] = e2m1_value(static_cast<uint8_t>(pair >> 4)) * scale;
    }
  }
}

/// Multiplies one block of activations with `kWeightRows` decoded rows at `w` [kWeightRows, K].
Sums dot_block(const float* x, const float* w, int64_t width) {
  Sums sums{};
  for (int64_t k = 0; k < width; ++k) {
    const float* lane = x + k * InputBlocks::kRows;
    for (int64_t n = 0; n < kWeightRows; ++n) {
      const float value = w[n * width + k];
      auto& sum = sums[static_cast<size_t>(n)];
      for (size_t r = 0; r < sum.size(); ++r) {
        sum[r] += value * lane[r];
      }
    }
  }
  return sums;
}

}  // namespace

void decode_row(const PackedWeight& weight, int64_t n, std::span<float> to) {
  if (weight.format == QuantFormat::kNvfp4) {
    return decode_nvfp4_row(weight, n, to);
  }
  const DType dtype = value_dtype(weight.format);
  load_floats(weight.data.data() + n * weight.k * size_of(dtype), dtype, to);
}

InputBlocks::InputBlocks(const TensorView& x, std::span<const int64_t> rows, float input_scale)
    : count_(static_cast<int64_t>(rows.size())), width_(x.dim(1)) {
  if (width_ == 0) {
    return;
  }
  values_.resize(static_cast<size_t>(blocks() * width_ * kRows));
  std::vector<float> row(static_cast<size_t>(width_));
  for (int64_t r = 0; r < count_; ++r) {
    load_row(x, rows[static_cast<size_t>(r)], row);
    float* to = values_.data() + (r / kRows) * width_ * kRows + r % kRows;
    for (int64_t k = 0; k < width_; ++k) {
      const float value = row[static_cast<size_t>(k)];
      to[k * kRows] = input_scale > 0.0F ? round_f8e4m3(value / input_scale) : value;
    }
  }
}

void multiply_reference(const InputBlocks& x, const PackedWeight& weight, std::span<float> y) {
  check(weight.layout == kReferenceLayout, "a weight is read in the layout it was packed in");
  std::fill(y.begin(), y.end(), 0.0F);
  if (weight.n == 0 || weight.k == 0) {
    return;
  }
  const auto width = static_cast<size_t>(weight.k);
  std::vector<float> rows(static_cast<size_t>(kWeightRows) * width);
  for (int64_t n = 0; n < weight.n; n += kWeightRows) {
    const int64_t real = std::min(kWeightRows, weight.n - n);
    for (int64_t i = 0; i < real; ++i) {
      decode_row(weight, n + i, std::span(rows).subspan(static_cast<size_t>(i) * width, width));
    }
    for (int64_t r = 0; r < x.count(); ++r) {
      if (r % InputBlocks::kRows != 0) {
        continue;
      }
      const Sums sums = dot_block(x.block(r / InputBlocks::kRows), rows.data(), weight.k);
      const int64_t lanes = std::min(InputBlocks::kRows, x.count() - r);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        for (int64_t i = 0; i < real; ++i) {
          y[static_cast<size_t>((r + lane) * weight.n + n + i)] =
              weight.output_scale * sums[static_cast<size_t>(i)][static_cast<size_t>(lane)];
        }
      }
    }
  }
}

}  // namespace dak
