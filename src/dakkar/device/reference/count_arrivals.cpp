#include "dakkar/device/reference/kernels.h"

namespace dak::reference {

void count_arrivals(const CountArrivalsArgs& args) {
  const int64_t ranks = args.rows.dim(0);
  int32_t sum = 0;
  for (int64_t r = 0; r < ranks; ++r) {
    const int32_t rows = args.sent_rows.as<int32_t>()[r * ranks + args.rank];
    args.rows.as<int32_t>()[r] = rows;
    sum += rows;
  }
  *args.count.as<int32_t>() = sum;
}

}  // namespace dak::reference
