#include <cmath>
#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/reference/normalise.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void gated_group_norm(const GatedGroupNormArgs& args) {
  const auto width = static_cast<size_t>(args.y.dim(1));
  const size_t group = width / static_cast<size_t>(args.groups);
  std::vector<float> row(width);
  std::vector<float> gate(width);
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    load_row(args.y, t, row);
    load_row(args.z, t, gate);
    for (size_t i = 0; i < width; ++i) {
      row[i] *= gate[i] / (1.0F + std::exp(-gate[i]));
    }
    for (size_t begin = 0; begin < width; begin += group) {
      normalise({row.data() + begin, group}, args.weight.as<float>() + begin, args.eps);
    }
    store_row(row, args.out, t);
  }
}

}  // namespace dak::reference
