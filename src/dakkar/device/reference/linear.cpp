#include <numeric>
#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/weight_rows.h"

namespace dak::reference {

void linear(const LinearArgs& args) {
  const PackedWeight& weight = *args.weight;
  const auto width = static_cast<size_t>(weight.n);
  std::vector<int64_t> rows(static_cast<size_t>(args.tokens.read()));
  std::iota(rows.begin(), rows.end(), 0);
  std::vector<float> y(rows.size() * width);
  multiply_reference(InputBlocks(args.x, rows, weight.input_scale), weight, y);
  std::vector<float> before(width);
  for (size_t t = 0; t < rows.size(); ++t) {
    const std::span<float> row = std::span(y).subspan(t * width, width);
    if (args.accumulate == Accumulate::kYes) {
      load_row(args.out, rows[t], before);
      for (size_t n = 0; n < width; ++n) {
        row[n] += before[n];
      }
    }
    store_row(row, args.out, rows[t]);
  }
}

}  // namespace dak::reference
