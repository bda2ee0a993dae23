#include "dakkar/device/cpu/linear.h"

#include <numeric>
#include <span>
#include <vector>

#include "dakkar/device/host_kernel.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/weight_rows.h"

namespace dak::cpu {
namespace {

/// Results of a product, row-major, with `stride` values per row.
struct Product {
  std::vector<float> y;
  size_t stride = 0;

  [[nodiscard]] std::span<float> row(size_t r, int64_t n) {
    return std::span(y).subspan(r * stride, static_cast<size_t>(n));
  }
};

/// The kernel that reads a packed layout.
void multiply_panels(const PanelProduct& job, int32_t layout, const PanelKernels& kernels) {
  if (layout == kBf16Panels) {
    return kernels.bf16(job);
  }
  if (layout == kNvfp4Panels) {
    return kernels.nvfp4(job);
  }
  check(layout == kFp8Panels, "a weight is read in the layout it was packed in");
  kernels.fp8(job);
}

/// The activations of one row as the weight reads them.
void load_inputs(const TensorView& x, int64_t row, float input_scale, std::span<float> to) {
  load_row(x, row, to);
  if (input_scale > 0.0F) {
    for (float& value : to) {
      value = round_f8e4m3(value / input_scale);
    }
  }
}

Product multiply_packed(const TensorView& x, std::span<const int64_t> rows,
                        const PackedWeight& weight, const PanelKernels& kernels) {
  const auto k = static_cast<size_t>(weight.k);
  const int64_t panels = (weight.n + kPanel - 1) / kPanel;
  std::vector<float> inputs(rows.size() * k);
  for (size_t r = 0; r < rows.size(); ++r) {
    load_inputs(x, rows[r], weight.input_scale, std::span(inputs).subspan(r * k, k));
  }
  Product product;
  product.stride = static_cast<size_t>(panels * kPanel);
  product.y.resize(rows.size() * product.stride);
  const PanelProduct job{.x = inputs.data(),
                         .rows = static_cast<int64_t>(rows.size()),
                         .k = weight.k,
                         .weight = weight.data.data(),
                         .panels = panels,
                         .y = product.y.data()};
  multiply_panels(job, weight.layout, kernels);
  for (float& value : product.y) {
    value *= weight.output_scale;
  }
  return product;
}

/// The named rows of x times the weight, scaled.
Product multiply(const TensorView& x, std::span<const int64_t> rows, const PackedWeight& weight,
                 const PanelKernels& kernels) {
  if (weight.layout != kReferenceLayout) {
    return multiply_packed(x, rows, weight, kernels);
  }
  Product product;
  product.stride = static_cast<size_t>(weight.n);
  product.y.resize(rows.size() * product.stride);
  multiply_reference(InputBlocks(x, rows, weight.input_scale), weight, product.y);
  return product;
}

/// Output rows (token * k + choice) that each expert serves.
std::vector<std::vector<int64_t>> rows_by_expert(const ExpertLinearArgs& args) {
  const auto* chosen = args.chosen.as<int32_t>();
  const int64_t k = args.chosen.dim(1);
  std::vector<std::vector<int64_t>> rows(args.experts.size());
  for (int64_t row = 0; row < args.tokens.read() * k; ++row) {
    const int64_t expert = chosen[row / k * args.chosen.stride(0) + row % k];
    check(expert >= 0 && expert < static_cast<int64_t>(rows.size()),
          "expert_linear: a chosen expert is out of range");
    rows[static_cast<size_t>(expert)].push_back(row);
  }
  return rows;
}

void run_expert(const ExpertLinearArgs& args, const PackedWeight& weight,
                const std::vector<int64_t>& rows, const PanelKernels& kernels) {
  const auto width = static_cast<size_t>(args.out.dim(1));
  if (weight.n == 0 || weight.k == 0) {
    const std::vector<float> zeros(width);
    for (const int64_t row : rows) {
      store_row(zeros, args.out, row);
    }
    return;
  }
  std::vector<int64_t> inputs = rows;
  for (int64_t& row : inputs) {
    row = args.input == ExpertInput::kPerToken ? row / args.chosen.dim(1) : row;
  }
  Product product = multiply(args.x, inputs, weight, kernels);
  for (size_t i = 0; i < rows.size(); ++i) {
    store_row(product.row(i, weight.n), args.out, rows[i]);
  }
}

}  // namespace

template <const PanelKernels& kKernels>
void linear(const LinearArgs& args) {
  const PackedWeight& weight = *args.weight;
  std::vector<int64_t> rows(static_cast<size_t>(args.tokens.read()));
  std::iota(rows.begin(), rows.end(), 0);
  Product product = multiply(args.x, rows, weight, kKernels);
  std::vector<float> before(static_cast<size_t>(weight.n));
  for (size_t t = 0; t < rows.size(); ++t) {
    const std::span<float> row = product.row(t, weight.n);
    if (args.accumulate == Accumulate::kYes) {
      load_row(args.out, rows[t], before);
      for (size_t n = 0; n < before.size(); ++n) {
        row[n] += before[n];
      }
    }
    store_row(row, args.out, rows[t]);
  }
}

template <const PanelKernels& kKernels>
void expert_linear(const ExpertLinearArgs& args) {
  const std::vector<std::vector<int64_t>> rows = rows_by_expert(args);
  for (size_t e = 0; e < rows.size(); ++e) {
    if (!rows[e].empty()) {
      run_expert(args, args.experts[e], rows[e], kKernels);
    }
  }
}

template void linear<kAvx2>(const LinearArgs& args);
template void linear<kAvx512>(const LinearArgs& args);
template void expert_linear<kAvx2>(const ExpertLinearArgs& args);
template void expert_linear<kAvx512>(const ExpertLinearArgs& args);

}  // namespace dak::cpu
