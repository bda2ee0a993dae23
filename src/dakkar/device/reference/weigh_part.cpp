#include <algorithm>
#include <cmath>
#include <limits>

#include "dakkar/device/reference/kernels.h"

namespace dak::reference {
namespace {

/// exp(lse[part] - log sum exp(lse)) of one query head; `stride` apart.
float weight_of(const float* lse, int64_t stride, int64_t parts, int64_t part) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < parts; ++i) {
    largest = std::max(largest, lse[i * stride]);
  }
  float sum = 0.0F;
  for (int64_t i = 0; i < parts; ++i) {
    sum += std::exp(lse[i * stride] - largest);
  }
  return std::exp(lse[part * stride] - largest) / sum;
}

}  // namespace

void weigh_part(const WeighPartArgs& args) {
  const int64_t parts = args.out.dim(0);
  const int64_t rows = args.out.dim(1);
  const int64_t each = args.out.dim(2);
  const int64_t width = args.out.dim(3);
  const int64_t heads = parts * each;
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    for (int64_t head = 0; head < heads; ++head) {
      const int64_t at = t * heads + head;
      const float* lse = args.lse.as<float>() + at;
      const float weight = weight_of(lse, rows * heads, parts, args.part);
      const float* x = args.x.as<float>() + at * width;
      float* out = args.out.as<float>() + ((head / each * rows + t) * each + head % each) * width;
      for (int64_t d = 0; d < width; ++d) {
        out[d] = weight * x[d];
      }
    }
  }
}

}  // namespace dak::reference
