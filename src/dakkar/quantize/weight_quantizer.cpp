#include "dakkar/quantize/weight_quantizer.h"

#include <cmath>
#include <vector>

#include "dakkar/base/check.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/worker_team.h"
#include "dakkar/tensor/quant_encoder.h"

namespace dak {
namespace {

constexpr int64_t kRowsAtATime = 8;

/// Where the rows of a result lie.
struct RowTarget {
  QuantFormat format;
  float scale;
  int64_t columns;
  std::byte* values;
  std::byte* block_scales;
};

/// Returns the row's squared error.
double encode_row(std::span<const float> row, int64_t n, const RowTarget& to) {
  const auto width = static_cast<size_t>(to.columns);
  if (to.format == QuantFormat::kFp8) {
    auto* codes = reinterpret_cast<F8E4M3*>(to.values + n * to.columns);
    return encode_fp8(row, to.scale, {codes, width});
  }
  auto* codes = reinterpret_cast<uint8_t*>(to.values + n * (to.columns / 2));
  auto* scales = reinterpret_cast<F8E4M3*>(to.block_scales + n * (to.columns / kNvfp4Block));
  return encode_nvfp4(row, to.scale, Nvfp4Grids::kFourOrSix,
                      {.values = {codes, width / 2},
                       .block_scales = {scales, width / static_cast<size_t>(kNvfp4Block)}});
}

/// What is known of a matrix before it is quantized; per row, so that sums have one order.
struct RowFacts {
  std::vector<float> peaks;
  std::vector<double> squares;
};

RowFacts look_at(const QuantView& from, WorkerTeam& team) {
  RowFacts facts{.peaks = std::vector<float>(static_cast<size_t>(from.rows)),
                 .squares = std::vector<double>(static_cast<size_t>(from.rows))};
  team.for_ranges({.total = from.rows, .grain = kRowsAtATime},
                  [&](WorkRange range, Scratch& scratch) {
                    const std::span<float> row = scratch.take<float>(from.columns);
                    for (int64_t n = range.begin; n < range.end; ++n) {
                      load_row(from.values, n, row);
                      double sum = 0.0;
                      for (const float value : row) {
                        sum += static_cast<double>(value) * static_cast<double>(value);
                      }
                      facts.peaks[static_cast<size_t>(n)] = largest_magnitude(row);
                      facts.squares[static_cast<size_t>(n)] = sum;
                    }
                  });
  return facts;
}

double sum_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) {
    sum += value;
  }
  return sum;
}

}  // namespace

Result<QuantizedMatrix> quantize_matrix(const QuantView& from, QuantFormat format, Stream& stream) {
  const bool fp4 = format == QuantFormat::kNvfp4;
  check(fp4 || format == QuantFormat::kFp8, "a matrix is quantized to NVFP4 or FP8");
  WorkerTeam& team = stream.team();
  const RowFacts facts = look_at(from, team);
  const float amax = largest_magnitude(facts.peaks);
  if (!std::isfinite(amax)) {
    return fail(ErrorCode::kCorruptFile, "it holds a value that is not finite");
  }
  const int64_t elements = from.rows * from.columns;
  QuantizedMatrix out;
  out.scale = fp4 ? nvfp4_scale(amax) : fp8_scale(amax);
  out.values = Buffer(fp4 ? elements / 2 : elements);
  out.block_scales = Buffer(fp4 ? elements / kNvfp4Block : 0);
  out.squared_weights = sum_of(facts.squares);
  const RowTarget target = {.format = format,
                            .scale = out.scale,
                            .columns = from.columns,
                            .values = out.values.data(),
                            .block_scales = out.block_scales.data()};
  std::vector<double> errors(static_cast<size_t>(from.rows));
  team.for_ranges({.total = from.rows, .grain = kRowsAtATime},
                  [&](WorkRange range, Scratch& scratch) {
                    const std::span<float> row = scratch.take<float>(from.columns);
                    for (int64_t n = range.begin; n < range.end; ++n) {
                      load_row(from.values, n, row);
                      errors[static_cast<size_t>(n)] = encode_row(row, n, target);
                    }
                  });
  out.squared_error = sum_of(errors);
  return out;
}

}  // namespace dak
