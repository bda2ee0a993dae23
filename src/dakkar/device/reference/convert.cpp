#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void convert(const ConvertArgs& args) {
  std::vector<float> row(static_cast<size_t>(args.x.dim(1)));
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    load_row(args.x, t, row);
    store_row(row, args.out, t);
  }
}

}  // namespace dak::reference
