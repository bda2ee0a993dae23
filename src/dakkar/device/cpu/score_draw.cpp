#include "dakkar/device/cpu/score_draw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

namespace dak::cpu {
namespace {

constexpr float kBarred = -std::numeric_limits<float>::infinity();

/// A token with its share, not normalised: exp((score - largest score) / temperature).
struct Candidate {
  int64_t id = 0;
  double share = 0.0;
};

bool likelier(const Candidate& a, const Candidate& b) {
  return a.share != b.share ? a.share > b.share : a.id < b.id;
}

double total_of(std::span<const Candidate> candidates) {
  double sum = 0.0;
  for (const Candidate& candidate : candidates) {
    sum += candidate.share;
  }
  return sum;
}

/// The candidate whose interval of the cumulative distribution holds `uniform`.
ScoreDraw pick(std::span<const Candidate> candidates, double uniform) {
  const double total = total_of(candidates);
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

/// Shares of about the same size: bins of 1/64 of a power of two, the likelier ones further up.
size_t bin_of(const Candidate& candidate) {
  return std::bit_cast<uint32_t>(static_cast<float>(candidate.share)) >> 17;
}
constexpr size_t kBins = (std::bit_cast<uint32_t>(1.0F) >> 17) + 1;

/// The last of the likeliest that hold `target` together, or none if all of them do not. Whole bins
/// are added up first, so that only one bin's candidates have to be sorted.
std::optional<Candidate> last_kept(std::span<const Candidate> candidates, double target,
                                   Scratch& scratch) {
  const std::span<double> bins = scratch.take<double>(kBins);
  std::fill(bins.begin(), bins.end(), 0.0);
  for (const Candidate& candidate : candidates) {
    bins[bin_of(candidate)] += candidate.share;
  }
  double sum = 0.0;
  size_t bin = kBins;
  while (bin > 0 && (sum < target || sum == 0.0)) {
    sum += bins[--bin];
  }
  const std::span<Candidate> last = scratch.take<Candidate>(std::ssize(candidates));
  const auto end = std::copy_if(candidates.begin(), candidates.end(), last.begin(),
                                [&](const Candidate& c) { return bin_of(c) == bin; });
  std::sort(last.begin(), end, likelier);
  sum -= bins[bin];
  for (auto it = last.begin(); it != end; ++it) {
    sum += it->share;
    if (sum >= target) {
      return *it;
    }
  }
  return std::nullopt;
}

/// The likeliest that hold `target` together, in the order they came in; one at least.
std::span<Candidate> keep_share(std::span<Candidate> candidates, double target, Scratch& scratch) {
  const std::optional<Candidate> last = last_kept(candidates, target, scratch);
  if (!last) {
    return candidates;
  }
  const auto end = std::remove_if(candidates.begin(), candidates.end(),
                                  [&](const Candidate& c) { return likelier(*last, c); });
  return candidates.first(static_cast<size_t>(end - candidates.begin()));
}

/// One row's random draw.
class ShareDraw {
 public:
  ShareDraw(const BlockedScores& scores, const SamplingRow& row, const ScoreKernels& kernels,
            Scratch& scratch)
      : scores_(scores), row_(row), kernels_(kernels), scratch_(scratch) {}

  ScoreDraw run(double uniform) {
    if (row_.top_k > 0 && row_.top_k < std::ssize(scores_.scores)) {
      return choose(best_k(), uniform);
    }
    compute_shares();
    if (row_.top_p < 1.0F) {
      return choose(likeliest(), uniform);
    }
    if (row_.min_p > 0.0F) {
      return choose(gather(row_.min_p), uniform);
    }
    return pick_any(uniform);
  }

 private:
  [[nodiscard]] int64_t blocks() const { return std::ssize(scores_.tops); }
  [[nodiscard]] float* shares_of(int64_t b) { return shares_.data() + b * kBlockScores; }

  /// Drops what is unlikely beside the likeliest, whose share is 1; then draws. All in id order.
  ScoreDraw choose(std::span<Candidate> candidates, double uniform) {
    if (row_.min_p > 0.0F) {
      const auto end =
          std::remove_if(candidates.begin(), candidates.end(), [&](const Candidate& c) {
            return c.share < 1.0 && c.share < static_cast<double>(row_.min_p);
          });
      candidates = candidates.first(static_cast<size_t>(end - candidates.begin()));
    }
    return pick(candidates, uniform);
  }

  /// top-k, and top-p of what it leaves.
  std::span<Candidate> best_k() {
    const float least = lowest_of_best(scores_, row_.top_k, scratch_);
    const std::span<Candidate> room = scratch_.take<Candidate>(std::ssize(scores_.scores));
    size_t count = 0;
    for (int64_t b = 0; b < blocks(); ++b) {
      const std::span<const float> block = scores_.block(b);
      for (size_t i = 0; scores_.tops[static_cast<size_t>(b)] >= least && i < block.size(); ++i) {
        if (block[i] >= least) {
          const double below = static_cast<double>(block[i]) - scores_.largest;
          const double share = std::exp(below / row_.temperature);
          room[count] = {b * kBlockScores + static_cast<int64_t>(i), share};
          count += share > 0.0 ? 1 : 0;
        }
      }
    }
    std::span<Candidate> kept = room.first(count);
    const auto most = static_cast<size_t>(row_.top_k);
    if (count > most) {
      std::nth_element(kept.begin(), kept.begin() + row_.top_k, kept.end(), likelier);
      kept = kept.first(most);
      std::sort(kept.begin(), kept.end(),
                [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
    }
    if (row_.top_p >= 1.0F) {
      return kept;
    }
    return keep_share(kept, static_cast<double>(row_.top_p) * total_of(kept), scratch_);
  }

  void compute_shares() {
    shares_ = scratch_.take<float>(std::ssize(scores_.scores));
    sums_ = scratch_.take<double>(blocks());
    for (int64_t b = 0; b < blocks(); ++b) {
      const std::span<const float> block = scores_.block(b);
      sums_[static_cast<size_t>(b)] =
          kernels_.shares({.scores = block.data(),
                           .count = std::ssize(block),
                           .largest = scores_.largest,
                           .inverse_temperature = 1.0F / row_.temperature,
                           .to = shares_of(b)});
      total_ += sums_[static_cast<size_t>(b)];
    }
  }

  /// All tokens whose share is at least that.
  std::span<Candidate> gather(float least) {
    const std::span<Candidate> room = scratch_.take<Candidate>(std::ssize(scores_.scores));
    size_t count = 0;
    for (size_t id = 0; id < shares_.size(); ++id) {
      room[count] = {static_cast<int64_t>(id), shares_[id]};
      count += shares_[id] >= least ? 1 : 0;
    }
    return room.first(count);
  }

  /// top-p of all. Ever smaller shares are let in until they hold enough together; tokens that hold
  /// less than the share left out even all together are not looked at.
  std::span<Candidate> likeliest() {
    constexpr float kStep = 0.25F;
    const double target = static_cast<double>(row_.top_p) * total_;
    const double spare = 0.5 * (1.0 - static_cast<double>(row_.top_p)) * total_;
    const auto negligible = static_cast<float>(spare / static_cast<double>(shares_.size()));
    float least = 1.0F;
    double held = 0.0;
    do {
      least = std::max(least * kStep, negligible);
      held = 0.0;
      for (int64_t b = 0; b < blocks(); ++b) {
        held += kernels_.sum_from(shares_of(b), std::ssize(scores_.block(b)), least);
      }
      // A margin for sums in another order.
    } while (held < target * (1.0 + 1e-5) && least > negligible);
    return keep_share(gather(least), target, scratch_);
  }

  /// The block first, then the token in it.
  ScoreDraw pick_any(double uniform) {
    const double target = uniform * total_;
    double low = 0.0;
    int64_t b = 0;
    while (b + 1 < blocks() && target >= low + sums_[static_cast<size_t>(b)]) {
      low += sums_[static_cast<size_t>(b)];
      ++b;
    }
    // Blocks at the end may hold nothing.
    while (b > 0 && sums_[static_cast<size_t>(b)] == 0.0) {
      --b;
      low -= sums_[static_cast<size_t>(b)];
    }
    ScoreDraw draw;
    for (int64_t i = 0; i < std::ssize(scores_.block(b)); ++i) {
      const double share = shares_of(b)[i];
      if (share <= 0.0) {
        continue;
      }
      const double edge = std::min(target - low, low + share - target) / total_;
      draw = {b * kBlockScores + i, static_cast<float>(std::max(0.0, edge))};
      low += share;
      if (target < low) {
        break;
      }
    }
    return draw;
  }

  const BlockedScores& scores_;
  const SamplingRow& row_;
  const ScoreKernels& kernels_;
  Scratch& scratch_;
  std::span<float> shares_;  ///< [V]
  std::span<double> sums_;   ///< of each block's shares
  double total_ = 0.0;
};

}  // namespace

bool BlockedScores::is_broken() const {
  return !std::isfinite(largest);
}

BlockedScores block_scores(std::span<const float> scores, const ScoreKernels& kernels,
                           Scratch& scratch) {
  const int64_t blocks = (std::ssize(scores) + kBlockScores - 1) / kBlockScores;
  BlockedScores made = {.scores = scores, .tops = scratch.take<float>(blocks), .largest = kBarred};
  for (int64_t b = 0; b < blocks; ++b) {
    const std::span<const float> block = made.block(b);
    const float top = kernels.largest(block.data(), std::ssize(block));
    made.tops[static_cast<size_t>(b)] = top;
    if (std::isnan(top)) {
      made.largest = top;
      return made;
    }
    made.largest = std::max(made.largest, top);
  }
  return made;
}

float lowest_of_best(const BlockedScores& scores, int64_t count, Scratch& scratch) {
  if (count > std::ssize(scores.tops)) {
    return kBarred;
  }
  const std::span<float> tops = scratch.take<float>(std::ssize(scores.tops));
  std::copy(scores.tops.begin(), scores.tops.end(), tops.begin());
  std::nth_element(tops.begin(), tops.begin() + (count - 1), tops.end(), std::greater<>());
  return tops[static_cast<size_t>(count - 1)];
}

ScoreDraw draw_largest(const BlockedScores& scores) {
  const auto top = std::max_element(scores.tops.begin(), scores.tops.end());
  float second = kBarred;
  for (auto it = scores.tops.begin(); it != scores.tops.end(); ++it) {
    second = it == top ? second : std::max(second, *it);
  }
  const std::span<const float> block = scores.block(top - scores.tops.begin());
  const auto best = std::max_element(block.begin(), block.end());
  for (auto it = block.begin(); it != block.end(); ++it) {
    second = it == best ? second : std::max(second, *it);
  }
  const int64_t id = (top - scores.tops.begin()) * kBlockScores + (best - block.begin());
  // Two scores of -infinity, when everything is barred, have no gap.
  return {id, *best == second ? 0.0F : *best - second};
}

ScoreDraw draw_share(const BlockedScores& scores, const ShareRule& rule,
                     const ScoreKernels& kernels, Scratch& scratch) {
  return ShareDraw(scores, rule.row, kernels, scratch).run(rule.uniform);
}

}  // namespace dak::cpu
