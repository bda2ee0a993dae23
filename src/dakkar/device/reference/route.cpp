#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {
namespace {

constexpr float kBarred = -std::numeric_limits<float>::infinity();

/// The `count` best indices, best first, ties to the lower index; NaN counts as the worst.
std::vector<int64_t> best_of(const std::vector<float>& scores, int64_t count) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int64_t a, int64_t b) {
    const float left =
        std::isnan(scores[static_cast<size_t>(a)]) ? kBarred : scores[static_cast<size_t>(a)];
    const float right =
        std::isnan(scores[static_cast<size_t>(b)]) ? kBarred : scores[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + count, order.end(), better);
  order.resize(static_cast<size_t>(count));
  return order;
}

/// Bars the experts of all but the best groups; a group counts by the sum of its two best.
void keep_best_groups(std::vector<float>& choice, const RouteArgs& args) {
  const size_t size = choice.size() / static_cast<size_t>(args.n_group);
  std::vector<float> totals;
  for (size_t begin = 0; begin < choice.size(); begin += size) {
    std::vector<float> group(choice.begin() + static_cast<std::ptrdiff_t>(begin),
                             choice.begin() + static_cast<std::ptrdiff_t>(begin + size));
    const size_t counted = std::min<size_t>(2, size);
    std::partial_sort(group.begin(), group.begin() + static_cast<std::ptrdiff_t>(counted),
                      group.end(), std::greater<>());
    totals.push_back(counted == 2 ? group[0] + group[1] : group[0]);
  }
  std::vector<char> kept(totals.size(), 0);
  for (const int64_t group : best_of(totals, args.topk_group)) {
    kept[static_cast<size_t>(group)] = 1;
  }
  for (size_t e = 0; e < choice.size(); ++e) {
    choice[e] = kept[e / size] != 0 ? choice[e] : kBarred;
  }
}

void route_token(const RouteArgs& args, int64_t t, std::span<const float> scores) {
  const auto* bias = args.bias.as<float>();
  const int64_t k = args.chosen.dim(1);
  std::vector<float> choice(scores.begin(), scores.end());
  for (size_t e = 0; e < choice.size(); ++e) {
    choice[e] += bias[e];
  }
  if (args.n_group > 1) {
    keep_best_groups(choice, args);
  }
  const std::vector<int64_t> chosen = best_of(choice, k);
  float sum = 0.0F;
  for (const int64_t e : chosen) {
    sum += scores[static_cast<size_t>(e)];
  }
  auto* ids = args.chosen.as<int32_t>() + t * args.chosen.stride(0);
  auto* weights = args.weights.as<float>() + t * args.weights.stride(0);
  for (size_t j = 0; j < chosen.size(); ++j) {
    const float weight = scores[static_cast<size_t>(chosen[j])];
    ids[j] = static_cast<int32_t>(chosen[j]);
    weights[j] = (args.normalise ? weight / (sum + 1e-20F) : weight) * args.scaling;
  }
}

}  // namespace

void route(const RouteArgs& args) {
  const int64_t experts = args.gate.dim(0);
  const int64_t width = args.gate.dim(1);
  std::vector<float> x(static_cast<size_t>(width));
  std::vector<float> gate_by_column(static_cast<size_t>(experts * width));
  for (int64_t e = 0; e < experts; ++e) {
    load_row(args.gate, e, x);
    for (int64_t i = 0; i < width; ++i) {
      gate_by_column[static_cast<size_t>(i * experts + e)] = x[static_cast<size_t>(i)];
    }
  }
  std::vector<float> scores(static_cast<size_t>(experts));
  for (int64_t t = 0; t < args.tokens.read(); ++t) {
    load_row(args.x, t, x);
    scores.assign(scores.size(), 0.0F);
    for (size_t i = 0; i < x.size(); ++i) {
      const float* column = gate_by_column.data() + i * scores.size();
      for (size_t e = 0; e < scores.size(); ++e) {
        scores[e] += x[i] * column[e];
      }
    }
    for (float& score : scores) {
      score = 1.0F / (1.0F + std::exp(-score));
    }
    route_token(args, t, scores);
  }
}

}  // namespace dak::reference
