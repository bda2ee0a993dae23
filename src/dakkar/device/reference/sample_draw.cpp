#include <algorithm>
#include <cmath>
#include <limits>

#include "dakkar/device/philox.h"
#include "dakkar/device/reference/sample_row.h"

namespace dak::reference {
namespace {

/// A token with its share, not normalised: exp(score - largest score).
struct Candidate {
  int64_t id = 0;
  double share = 0.0;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.share != b.share ? a.share > b.share : a.id < b.id;
}

double total_share(const std::vector<Candidate>& candidates) {
  double sum = 0.0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.share;
  }
  return sum;
}

std::vector<Candidate> all_candidates(std::span<const float> scores, float temperature) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  std::vector<Candidate> candidates;
  for (size_t id = 0; id < scores.size(); ++id) {
    const double share = std::exp((static_cast<double>(scores[id]) - largest) / temperature);
    if (share > 0.0) {
      candidates.push_back({static_cast<int64_t>(id), share});
    }
  }
  return candidates;
}

void keep_top_k(std::vector<Candidate>& candidates, int32_t top_k) {
  const auto kept = static_cast<size_t>(top_k);
  if (top_k <= 0 || kept >= candidates.size()) {
    return;
  }
  std::nth_element(candidates.begin(), candidates.begin() + top_k, candidates.end(), likelier);
  candidates.resize(kept);
}

void keep_top_p(std::vector<Candidate>& candidates, float top_p) {
  if (top_p >= 1.0F) {
    return;
  }
  const double total = total_share(candidates);
  const double target = static_cast<double>(top_p) * total;
  // Tokens this small hold less than the share left out even all together: no need to sort them.
  const double negligible =
      0.5 * (1.0 - static_cast<double>(top_p)) * total / static_cast<double>(candidates.size());
  std::erase_if(candidates, [&](const Candidate& c) { return c.share < negligible; });
  std::sort(candidates.begin(), candidates.end(), likelier);
  double sum = 0.0;
  size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < target)) {
    sum += candidates[kept].share;
    ++kept;
  }
  candidates.resize(kept);
}

void keep_min_p(std::vector<Candidate>& candidates, float min_p) {
  if (min_p <= 0.0F) {
    return;
  }
  // The likeliest has share 1, and no filter drops it.
  std::erase_if(candidates, [&](const Candidate& c) {
    return c.share < 1.0 && c.share < static_cast<double>(min_p);
  });
}

/// The candidate whose interval of the cumulative distribution holds `uniform`.
Draw pick(const std::vector<Candidate>& candidates, double uniform) {
  const double total = total_share(candidates);
  const double target = uniform * total;
  double low = 0.0;
  for (const Candidate& candidate : candidates) {
    const double high = low + candidate.share;
    if (target < high || &candidate == &candidates.back()) {
      const double edge = std::min(target - low, high - target) / total;
      return {candidate.id, static_cast<float>(std::max(0.0, edge))};
    }
    low = high;
  }
  return {};
}

}  // namespace

Draw draw_greedy(std::span<const float> scores) {
  const auto best = std::max_element(scores.begin(), scores.end());
  float second = -std::numeric_limits<float>::infinity();
  for (auto it = scores.begin(); it != scores.end(); ++it) {
    second = it == best ? second : std::max(second, *it);
  }
  // Two scores of -infinity, when everything is barred, have no gap.
  return {best - scores.begin(), *best == second ? 0.0F : *best - second};
}

Draw draw_random(std::span<const float> scores, const SampleRow& row) {
  std::vector<Candidate> candidates = all_candidates(scores, row.sampling.temperature);
  keep_top_k(candidates, row.sampling.top_k);
  keep_top_p(candidates, row.sampling.top_p);
  keep_min_p(candidates, row.sampling.min_p);
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  return pick(candidates, philox_uniform(row.sampling.seed, static_cast<uint64_t>(row.position)));
}

}  // namespace dak::reference
