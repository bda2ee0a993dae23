#include <span>
#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void concat_columns(const ConcatColumnsArgs& args) {
  const auto left = static_cast<size_t>(args.left.dim(1));
  std::vector<float> row(static_cast<size_t>(args.out.dim(1)));
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    load_row(args.left, t, std::span(row).first(left));
    load_row(args.right, t, std::span(row).subspan(left));
    store_row(row, args.out, t);
  }
}

}  // namespace dak::reference
