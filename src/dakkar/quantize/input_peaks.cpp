#include "dakkar/quantize/input_peaks.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "dakkar/base/check.h"
#include "dakkar/device/row_access.h"
#include "dakkar/tensor/quant_encoder.h"

namespace dak {
namespace {

/// bf16 magnitudes order as their bits do.
float largest_bf16(const BF16* values, int64_t count) {
  uint16_t peak = 0;
  for (int64_t i = 0; i < count; ++i) {
    peak = std::max(peak, static_cast<uint16_t>(values[i].bits & 0x7fffU));
  }
  return to_float(BF16{peak});
}

float largest_in(const std::byte* row, DType dtype, int64_t count) {
  if (dtype == DType::kBF16) {
    return largest_bf16(reinterpret_cast<const BF16*>(row), count);
  }
  std::vector<float> values(static_cast<size_t>(count));
  load_floats(row, dtype, values);
  return largest_magnitude(values);
}

/// Larger by bits, so that NaN wins over everything.
float larger(float a, float b) {
  return std::bit_cast<float>(std::max(std::bit_cast<uint32_t>(a), std::bit_cast<uint32_t>(b)));
}

}  // namespace

void Peak::add(const Peak& other) {
  amax = larger(amax, other.amax);
  rows += other.rows;
}

Peak peak_of_rows(const TensorView& x, int64_t rows) {
  Peak peak{.rows = rows};
  int64_t width = 1;
  for (int i = 1; i < x.rank; ++i) {
    width *= x.dim(i);
  }
  check(x.rank == 2 || x.stride(1) == x.dim(2), "what lies in a row is dense");
  for (int64_t row = 0; row < rows; ++row) {
    peak.amax = larger(peak.amax, largest_in(row_address(x, row), x.dtype, width));
  }
  return peak;
}

void InputPeaks::note(const std::byte* values, const Peak& peak) {
  const auto place = places_.find(values);
  check(place != places_.end(), "every linear of a layer came from its reader");
  inputs_[place->second].add(peak);
}

Peak InputPeaks::of(const std::string& module) const {
  const auto place = inputs_.find(module);
  return place == inputs_.end() ? Peak() : place->second;
}

Peak InputPeaks::over(std::string_view prefix, std::string_view suffix) const {
  Peak peak;
  for (const auto& [module, own] : inputs_) {
    if (module.starts_with(prefix) && module.ends_with(suffix)) {
      peak.add(own);
    }
  }
  return peak;
}

}  // namespace dak
