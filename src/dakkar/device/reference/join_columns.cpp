#include <cstring>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void join_columns(const JoinColumnsArgs& args) {
  const int64_t parts = args.parts.dim(0);
  const int64_t columns = args.out.dim(1);
  const int64_t element = size_of(args.out.dtype);
  for (int64_t s = 0; s < args.count.read(); ++s) {
    std::byte* to = row_address(args.out, s);
    for (int64_t r = 0; r < parts; ++r) {
      const int64_t bytes = (columns / parts + (r < columns % parts ? 1 : 0)) * element;
      std::memcpy(to, row_address(args.parts, r, s), static_cast<size_t>(bytes));
      to += bytes;
    }
  }
}

}  // namespace dak::reference
