#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/reference/history.h"
#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/reference/sample_row.h"

namespace dak::reference {
namespace {

constexpr float kBarred = -std::numeric_limits<float>::infinity();
constexpr float kGreedyBelow = 1e-5F;

float penalised(float logit, int32_t entry, const SamplingRow& row) {
  if (entry == 0) {
    return logit;
  }
  const float repeated =
      logit > 0.0F ? logit / row.repetition_penalty : logit * row.repetition_penalty;
  const int32_t times = times_output(entry);
  if (times == 0) {
    return repeated;
  }
  return repeated - row.frequency_penalty * static_cast<float>(times) - row.presence_penalty;
}

void sample_row(const SampleArgs& args, int64_t s) {
  const SequenceTable& table = args.table;
  const int64_t b = args.sequence[s];
  const int64_t slot = table.slot[b];
  const auto vocabulary = static_cast<size_t>(args.logits.dim(1));
  const SampleRow row{
      .logits = {args.logits.as<float>() + s * args.logits.stride(0), vocabulary},
      .history = {args.history.as<int32_t>() + slot * args.history.stride(0), vocabulary},
      .sampling = args.rows[b],
      .args = args,
      .position = table.position[b] + table.query_start[b + 1] - table.query_start[b]};
  SampledToken& out = args.out[s];
  out = SampledToken{};
  if (is_broken(row.logits)) {
    table.headers[slot].failed = 1;
    table.headers[slot].last_token = 0;
    return;
  }
  const std::vector<float> scores = adjusted_scores(row);
  const Draw draw = row.sampling.temperature < kGreedyBelow || is_broken(scores)
                        ? draw_greedy(scores)
                        : draw_random(scores, row);
  out.id = static_cast<int32_t>(draw.id);
  out.edge = draw.edge;
  report_logprobs(row, out);
  table.headers[slot].last_token = out.id;
}

}  // namespace

bool is_broken(std::span<const float> logits) {
  float largest = kBarred;
  for (const float logit : logits) {
    if (std::isnan(logit)) {
      return true;
    }
    largest = std::max(largest, logit);
  }
  return !std::isfinite(largest);
}

std::vector<float> adjusted_scores(const SampleRow& row) {
  std::vector<float> scores(row.logits.begin(), row.logits.end());
  if (row.sampling.uses_history != 0) {
    for (size_t id = 0; id < scores.size(); ++id) {
      scores[id] = penalised(scores[id], row.history[id], row.sampling);
    }
  }
  const auto vocabulary = static_cast<int64_t>(scores.size());
  for (int32_t i = row.sampling.bias_begin; i < row.sampling.bias_end; ++i) {
    const int64_t id = row.args.bias_ids[i];
    if (id >= 0 && id < vocabulary) {
      scores[static_cast<size_t>(id)] += row.args.bias_values[i];
    }
  }
  if (row.position - row.sampling.prompt_tokens < row.sampling.min_tokens) {
    for (int32_t i = row.sampling.stop_begin; i < row.sampling.stop_end; ++i) {
      const int64_t id = row.args.stop_ids[i];
      if (id >= 0 && id < vocabulary) {
        scores[static_cast<size_t>(id)] = kBarred;
      }
    }
  }
  return scores;
}

void report_logprobs(const SampleRow& row, SampledToken& out) {
  if (row.sampling.top_logprobs < 0) {
    return;
  }
  const std::span<const float> logits = row.logits;
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) {
    sum += std::exp(static_cast<double>(logit) - largest);
  }
  const double log_sum = largest + std::log(sum);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum);
  };
  out.logprob = logprob(out.id);
  const int64_t count = std::min<int64_t>(
      {row.sampling.top_logprobs, kMaxTopLogprobs, static_cast<int64_t>(logits.size())});
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](int32_t a, int32_t b) {
    const float left = logits[static_cast<size_t>(a)];
    const float right = logits[static_cast<size_t>(b)];
    return left != right ? left > right : a < b;
  });
  out.top_count = static_cast<int32_t>(count);
  for (int64_t i = 0; i < count; ++i) {
    out.top_ids[i] = order[static_cast<size_t>(i)];
    out.top_logprobs[i] = logprob(out.top_ids[i]);
  }
}

void sample(const SampleArgs& args) {
  for (int64_t s = 0; s < args.count.read(); ++s) {
    sample_row(args, s);
  }
}

}  // namespace dak::reference
