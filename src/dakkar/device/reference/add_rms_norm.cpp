#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/reference/normalise.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void add_rms_norm(const AddRmsNormArgs& args) {
  std::vector<float> row(static_cast<size_t>(args.residual.dim(1)));
  std::vector<float> delta(row.size());
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    load_row(args.residual, t, row);
    load_row(args.delta, t, delta);
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] += delta[i];
    }
    store_row(row, args.residual, t);
    // What is normalised is the sum that later layers will read.
    load_row(args.residual, t, row);
    normalise(row, args.weight.as<float>(), args.eps);
    store_row(row, args.out, t);
  }
}

}  // namespace dak::reference
