#include <cstring>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void gather_rows(const GatherRowsArgs& args) {
  const auto* rows = args.rows.as<int32_t>();
  const int64_t bytes = args.x.dim(1) * size_of(args.x.dtype);
  for (int64_t s = 0; s < args.count.read(); ++s) {
    check(rows[s] >= 0 && rows[s] < args.x.dim(0), "gather_rows: a row is out of range");
    std::memcpy(row_address(args.out, s), row_address(args.x, rows[s]), static_cast<size_t>(bytes));
  }
}

}  // namespace dak::reference
