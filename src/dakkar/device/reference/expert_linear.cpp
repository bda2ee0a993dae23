#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/weight_rows.h"

namespace dak::reference {
namespace {

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

}  // namespace

void expert_linear(const ExpertLinearArgs& args) {
  const auto width = static_cast<size_t>(args.out.dim(1));
  const int64_t k = args.chosen.dim(1);
  const std::vector<std::vector<int64_t>> rows = rows_by_expert(args);
  for (size_t e = 0; e < rows.size(); ++e) {
    if (rows[e].empty()) {
      continue;
    }
    const PackedWeight& weight = args.experts[e];
    std::vector<float> y(rows[e].size() * width);
    if (weight.n != 0 && weight.k != 0) {
      std::vector<int64_t> inputs = rows[e];
      for (int64_t& row : inputs) {
        row = args.input == ExpertInput::kPerToken ? row / k : row;
      }
      multiply_reference(InputBlocks(args.x, inputs, weight.input_scale), weight, y);
    }
    for (size_t i = 0; i < rows[e].size(); ++i) {
      store_row(std::span(y).subspan(i * width, width), args.out, rows[e][i]);
    }
  }
}

}  // namespace dak::reference
