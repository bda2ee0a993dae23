#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {

void combine_experts(const CombineExpertsArgs& args) {
  const auto width = static_cast<size_t>(args.out.dim(1));
  const int64_t k = args.weights.dim(1);
  std::vector<float> sum(width);
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    sum.assign(width, 0.0F);
    const float* weights = args.weights.as<float>() + t * args.weights.stride(0);
    for (int64_t j = 0; j < k; ++j) {
      const float* x = args.x.as<float>() + (t * k + j) * args.x.stride(0);
      for (size_t i = 0; i < width; ++i) {
        sum[i] += weights[j] * x[i];
      }
    }
    store_row(sum, args.out, t);
  }
}

}  // namespace dak::reference
