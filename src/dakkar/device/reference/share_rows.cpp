#include <algorithm>

#include "dakkar/device/reference/kernels.h"

namespace dak::reference {

void share_rows(const ShareRowsArgs& args) {
  const int64_t rows = std::clamp<int64_t>(args.tokens.read() - args.begin, 0, args.rows);
  *args.count.as<int32_t>() = static_cast<int32_t>(rows);
}

}  // namespace dak::reference
