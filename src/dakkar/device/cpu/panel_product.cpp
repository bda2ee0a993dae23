#include "dakkar/device/cpu/panel_product.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "dakkar/device/cpu/rows.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/weight_rows.h"

namespace dak::cpu {
namespace {

/// Pair `pair` of a panel of the weight.
const std::byte* codes_at(const PackedWeight& weight, int64_t panel, int64_t pair) {
  const int64_t pairs = (weight.k + 1) / 2;
  if (weight.layout == kNvfp4Panels) {
    return weight.data.data() + (panel * pairs + pair) / kScaledPairs * kNvfp4BlockBytes;
  }
  const int64_t bytes = weight.layout == kFp8Panels ? kFp8PairBytes : kBf16PairBytes;
  return weight.data.data() + (panel * pairs + pair) * bytes;
}

/// Decodes some pairs, unless they are bf16 already.
GroupProduct decode(const PanelJob& job, const PackedChunk& chunk) {
  GroupProduct product{.pairs = chunk.pairs, .values = chunk.values};
  if (job.weight.layout == kBf16Panels) {
    product.values = reinterpret_cast<const uint16_t*>(chunk.codes);
  } else if (job.weight.layout == kNvfp4Panels) {
    job.kernels.decode_nvfp4(chunk);
    product.scales = chunk.scales;
  } else {
    check(job.weight.layout == kFp8Panels, "a weight is read in the layout it was packed in");
    job.kernels.decode_fp8(chunk);
  }
  return product;
}

/// Asks for what kernels do not ask for ahead: the beginning of the first panel.
void prefetch(const std::byte* codes) {
  constexpr int64_t kLine = 64;
  for (int64_t at = 0; at < kBytesAhead; at += kLine) {
    __builtin_prefetch(codes + at);
  }
}

int64_t rows_of(const RowGroups& x, int64_t group) {
  return x.first_row(group + 1) - x.first_row(group);
}

/// The kernels that read the weight's codes themselves, by rows; some are missing.
auto* packed_kernels(const PanelJob& job) {
  return job.weight.layout == kNvfp4Panels ? &job.kernels.multiply_nvfp4
                                           : &job.kernels.multiply_fp8;
}

/// Whether there are such kernels for all groups: their sizes are those of the first and the last.
bool reads_codes(const PanelJob& job) {
  const auto has = [&](int64_t group) {
    return (*packed_kernels(job))[rows_of(job.x, group) - 1] != nullptr;
  };
  return job.weight.layout != kBf16Panels && has(0) && has(job.x.count() - 1);
}

void multiply_codes(const PanelJob& job, int64_t panel, const ProductScratch& scratch) {
  for (int64_t group = 0; group < job.x.count(); ++group) {
    (*packed_kernels(job))[rows_of(job.x, group) - 1](
        {.x = job.x.at(group, 0),
         .pairs = (job.weight.k + 1) / 2,
         .codes = codes_at(job.weight, panel, 0),
         .sums = scratch.sums.data() + job.x.first_row(group) * kPanel});
  }
}

void multiply_panel(const PanelJob& job, int64_t panel, const ProductScratch& scratch) {
  std::fill_n(scratch.sums.begin(), job.x.rows() * kPanel, 0.0F);
  if (reads_codes(job)) {
    return multiply_codes(job, panel, scratch);
  }
  const int64_t pairs = (job.weight.k + 1) / 2;
  for (int64_t pair = 0; pair < pairs; pair += kChunkPairs) {
    GroupProduct product = decode(job, {.codes = codes_at(job.weight, panel, pair),
                                        .pairs = std::min(kChunkPairs, pairs - pair),
                                        .values = scratch.values.data(),
                                        .scales = scratch.scales.data()});
    for (int64_t group = 0; group < job.x.count(); ++group) {
      product.x = job.x.at(group, pair);
      product.sums = scratch.sums.data() + job.x.first_row(group) * kPanel;
      job.kernels.multiply[rows_of(job.x, group) - 1](product);
    }
  }
}

void store_sums(const ProductOutput& output, int64_t row, int64_t n, std::span<float> sums) {
  std::byte* to = row_address(output.out, output.rows[row]) + n * size_of(output.out.dtype);
  if (output.accumulate == Accumulate::kYes) {
    const auto* before = reinterpret_cast<const float*>(to);
    for (size_t i = 0; i < sums.size(); ++i) {
      sums[i] += before[i];
    }
  }
  if (output.out.dtype == DType::kBF16) {
    kRowsAvx2.copy({.x = {.data = reinterpret_cast<std::byte*>(sums.data())},
                    .out = {.data = to, .stored = Stored::kBF16},
                    .width = std::ssize(sums)});
    return;
  }
  store_floats(sums, output.out.dtype, to);
}

}  // namespace

ProductScratch take_product_scratch(Scratch& scratch, int64_t rows) {
  return {.sums = scratch.take<float>(rows * kPanel),
          .values = scratch.take<uint16_t>(kChunkPairs * kPanel * 2),
          .scales = scratch.take<float>(kChunkPairs / kScaledPairs * kPanel)};
}

void multiply_reference_rows(const PackedWeight& weight, const TensorView& x,
                             std::span<const int64_t> inputs, const ProductOutput& output) {
  const auto width = static_cast<size_t>(weight.n);
  std::vector<float> y(inputs.size() * width);
  multiply_reference(InputBlocks(x, inputs, weight.input_scale), weight, y);
  for (size_t i = 0; i < inputs.size(); ++i) {
    store_sums(output, static_cast<int64_t>(i), 0, std::span(y).subspan(i * width, width));
  }
}

void multiply_panels(const PanelJob& job, WorkRange panels, const ProductScratch& scratch) {
  check(job.x.rows() * kPanel <= std::ssize(scratch.sums), "the sums of all rows have room");
  prefetch(codes_at(job.weight, panels.begin, 0));
  for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
    multiply_panel(job, panel, scratch);
    const int64_t n = panel * kPanel;
    const auto real = static_cast<size_t>(std::min(kPanel, job.weight.n - n));
    for (int64_t row = 0; row < job.x.rows(); ++row) {
      const auto sums = scratch.sums.subspan(static_cast<size_t>(row * kPanel), real);
      for (float& sum : sums) {
        sum *= job.weight.output_scale;
      }
      store_sums(job.output, row, n, sums);
    }
  }
}

}  // namespace dak::cpu
