#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void embed(const EmbedArgs& args) {
  const auto* ids = args.ids.as<int32_t>();
  std::vector<float> row(static_cast<size_t>(args.out.dim(1)));
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    const int64_t index = ids[t] - args.row_begin;
    if (index >= 0 && index < args.table.dim(0)) {
      load_row(args.table, index, row);
    } else {
      row.assign(row.size(), 0.0F);
    }
    store_row(row, args.out, t);
  }
}

}  // namespace dak::reference
