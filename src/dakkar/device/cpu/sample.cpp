#include "dakkar/device/cpu/sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dakkar/device/cpu/score_draw.h"
#include "dakkar/device/philox.h"

namespace dak::cpu {
namespace {

constexpr float kBarred = -std::numeric_limits<float>::infinity();
constexpr float kGreedyBelow = 1e-5F;

float penalised(float logit, int32_t entry, const SamplingRow& row) {
  const float repeated =
      logit > 0.0F ? logit / row.repetition_penalty : logit * row.repetition_penalty;
  const int32_t times = entry & std::numeric_limits<int32_t>::max();
  if (times == 0) {
    return repeated;
  }
  return repeated - row.frequency_penalty * static_cast<float>(times) - row.presence_penalty;
}

/// Samples one row.
class RowSampler {
 public:
  RowSampler(const SampleArgs& args, int64_t s, const ScoreKernels& kernels, Scratch& scratch)
      : args_(args),
        kernels_(kernels),
        scratch_(scratch),
        sequence_(args.sequence[s]),
        row_(args.rows[sequence_]),
        header_(args.table.headers[args.table.slot[sequence_]]),
        out_(args.out[s]),
        logits_(args.logits.as<float>() + s * args.logits.stride(0),
                static_cast<size_t>(args.logits.dim(1))),
        position_(args.table.position[sequence_] + args.table.query_start[sequence_ + 1] -
                  args.table.query_start[sequence_]) {}

  void run() {
    out_ = SampledToken{};
    const BlockedScores raw = block_scores(logits_, kernels_, scratch_);
    if (raw.is_broken()) {
      header_.failed = 1;
      header_.last_token = 0;
      return;
    }
    const ScoreDraw draw = adjusts() ? draw_from(adjusted()) : draw_from(raw);
    out_.id = static_cast<int32_t>(draw.id);
    out_.edge = draw.edge;
    if (row_.top_logprobs >= 0) {
      report_logprobs(raw);
    }
    header_.last_token = out_.id;
  }

 private:
  [[nodiscard]] bool bars_stops() const {
    return row_.stop_end > row_.stop_begin && position_ - row_.prompt_tokens < row_.min_tokens;
  }
  [[nodiscard]] bool adjusts() const {
    return row_.uses_history != 0 || row_.bias_end > row_.bias_begin || bars_stops();
  }

  /// A copy of the logits after penalties, biases and barred stop ids.
  BlockedScores adjusted() {
    const std::span<float> scores = scratch_.take<float>(std::ssize(logits_));
    std::copy(logits_.begin(), logits_.end(), scores.begin());
    if (row_.uses_history != 0) {
      penalise(scores);
    }
    const int64_t vocabulary = std::ssize(scores);
    for (int32_t i = row_.bias_begin; i < row_.bias_end; ++i) {
      const int64_t id = args_.bias_ids[i];
      if (id >= 0 && id < vocabulary) {
        scores[static_cast<size_t>(id)] += args_.bias_values[i];
      }
    }
    for (int32_t i = row_.stop_begin; bars_stops() && i < row_.stop_end; ++i) {
      const int64_t id = args_.stop_ids[i];
      if (id >= 0 && id < vocabulary) {
        scores[static_cast<size_t>(id)] = kBarred;
      }
    }
    return block_scores(scores, kernels_, scratch_);
  }

  void penalise(std::span<float> scores) const {
    const int64_t slot = args_.table.slot[sequence_];
    const int32_t* history = args_.history.as<int32_t>() + slot * args_.history.stride(0);
    for (size_t id = 0; id < scores.size(); ++id) {
      if (history[id] != 0) {
        scores[id] = penalised(scores[id], history[id], row_);
      }
    }
  }

  ScoreDraw draw_from(const BlockedScores& scores) {
    if (std::isnan(scores.largest)) {
      return first_largest(scores.scores);
    }
    if (row_.temperature < kGreedyBelow || scores.is_broken()) {
      return draw_largest(scores);
    }
    const double uniform = philox_uniform(row_.seed, static_cast<uint64_t>(position_));
    return draw_share(scores, {.row = row_, .uniform = uniform}, kernels_, scratch_);
  }

  /// Where biases made a NaN: whatever comparisons make of it, as the reference does.
  static ScoreDraw first_largest(std::span<const float> scores) {
    const auto best = std::max_element(scores.begin(), scores.end());
    float second = kBarred;
    for (auto it = scores.begin(); it != scores.end(); ++it) {
      second = it == best ? second : std::max(second, *it);
    }
    return {best - scores.begin(), *best == second ? 0.0F : *best - second};
  }

  void report_logprobs(const BlockedScores& raw) {
    double sum = 0.0;
    for (int64_t b = 0; b < std::ssize(raw.tops); ++b) {
      const std::span<const float> block = raw.block(b);
      sum += kernels_.shares({.scores = block.data(),
                              .count = std::ssize(block),
                              .largest = raw.largest,
                              .inverse_temperature = 1.0F,
                              .to = nullptr});
    }
    const double log_sum = raw.largest + std::log(sum);
    const auto logprob = [&](int32_t id) {
      return static_cast<float>(static_cast<double>(logits_[static_cast<size_t>(id)]) - log_sum);
    };
    out_.logprob = logprob(out_.id);
    const std::span<const int32_t> best = best_ids(raw);
    out_.top_count = static_cast<int32_t>(best.size());
    for (size_t i = 0; i < best.size(); ++i) {
      out_.top_ids[i] = best[i];
      out_.top_logprobs[i] = logprob(best[i]);
    }
  }

  /// The most likely tokens that are reported, likeliest first, ties to the lower id.
  std::span<const int32_t> best_ids(const BlockedScores& raw) {
    const int64_t count =
        std::min<int64_t>({row_.top_logprobs, kMaxTopLogprobs, std::ssize(logits_)});
    if (count == 0) {
      return {};
    }
    const float least = lowest_of_best(raw, count, scratch_);
    const std::span<int32_t> room = scratch_.take<int32_t>(std::ssize(logits_));
    size_t met = 0;
    for (size_t id = 0; id < logits_.size(); ++id) {
      room[met] = static_cast<int32_t>(id);
      met += logits_[id] >= least ? 1 : 0;
    }
    std::partial_sort(room.begin(), room.begin() + count,
                      room.begin() + static_cast<std::ptrdiff_t>(met), [&](int32_t a, int32_t b) {
                        const float left = logits_[static_cast<size_t>(a)];
                        const float right = logits_[static_cast<size_t>(b)];
                        return left != right ? left > right : a < b;
                      });
    return room.first(static_cast<size_t>(count));
  }

  const SampleArgs& args_;
  const ScoreKernels& kernels_;
  Scratch& scratch_;
  int64_t sequence_;
  const SamplingRow& row_;
  SlotHeader& header_;
  SampledToken& out_;
  std::span<const float> logits_;
  int64_t position_;  ///< of the token drawn
};

}  // namespace

template <const ScoreKernels& kKernels>
void sample(WorkerTeam& team, const SampleArgs& args) {
  team.run(args.count.read(),
           [&](int64_t s, Scratch& scratch) { RowSampler(args, s, kKernels, scratch).run(); });
}

template void sample<kScoresAvx2>(WorkerTeam& team, const SampleArgs& args);
template void sample<kScoresAvx512>(WorkerTeam& team, const SampleArgs& args);

}  // namespace dak::cpu
