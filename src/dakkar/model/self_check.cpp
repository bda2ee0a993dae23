#include "dakkar/model/self_check.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/core.h>

#include "dakkar/model/logits_run.h"
#include "dakkar/weights/model_config.h"

namespace dak {
namespace {

constexpr size_t kStateSample = 16384;

std::vector<float> sampled(const MambaLayerState& state) {
  std::vector<float> all;
  for (const std::vector<float>* part : {&state.ssm, &state.conv, &state.ring_xb, &state.ring_dt}) {
    all.insert(all.end(), part->begin(), part->end());
  }
  const size_t stride = (all.size() + kStateSample - 1) / kStateSample;
  std::vector<float> sample;
  for (size_t i = 0; i < all.size(); i += stride) {
    sample.push_back(all[i]);
  }
  return sample;
}

/// Norm of the difference over norm of what is expected; infinite where a value is not finite.
double relative_error(std::span<const float> got, std::span<const float> expected) {
  double difference = 0.0;
  double norm = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double delta = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    difference += delta * delta;
    norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  if (!std::isfinite(difference) || !std::isfinite(norm)) {
    return HUGE_VAL;
  }
  return difference == 0.0 ? 0.0 : std::sqrt(difference / std::max(norm, 1e-30));
}

/// The value that `share` of the errors do not exceed.
double quantile(std::vector<double> errors, double share) {
  if (errors.empty()) {
    return 0.0;
  }
  std::sort(errors.begin(), errors.end());
  const auto last = static_cast<double>(errors.size() - 1);
  return errors[static_cast<size_t>(std::ceil(share * last))];
}

std::vector<double> row_errors(const CheckRun& got, const CheckRun& expected) {
  const size_t vocab = expected.logits.size() / kCheckTokens;
  std::vector<double> errors;
  for (size_t row = 0; row < kCheckTokens; ++row) {
    const auto part = [&](const std::vector<float>& logits) {
      return std::span<const float>(logits).subspan(row * vocab, vocab);
    };
    errors.push_back(relative_error(part(got.logits), part(expected.logits)));
  }
  return errors;
}

bool same_shape(const CheckRun& got, const CheckRun& expected) {
  const auto size = [](const std::vector<float>& state) { return state.size(); };
  return got.logits.size() == expected.logits.size() && !expected.logits.empty() &&
         expected.logits.size() % kCheckTokens == 0 &&
         std::ranges::equal(got.states, expected.states, {}, size, size);
}

}  // namespace

std::vector<TokenId> check_prompt(int64_t vocab) {
  std::vector<TokenId> ids;
  for (int64_t i = 0; i < kCheckTokens; ++i) {
    ids.push_back(static_cast<TokenId>((i * 7919 + 11) % vocab));
  }
  return ids;
}

Result<CheckRun> run_check(const ModelLoadArgs& load) {
  LogitsArgs args;
  args.load = load;
  args.ids = check_prompt(load.config->vocab);
  Result<LogitsRun> run = run_logits(args);
  if (!run) {
    return fail(run.error());
  }
  CheckRun check{.logits = std::move(run->logits), .states = {}};
  for (const MambaLayerState& state : run->states) {
    check.states.push_back(sampled(state));
  }
  return check;
}

CheckReport compare_checks(const CheckRun& got, const CheckRun& expected, Numerics numerics) {
  if (!same_shape(got, expected)) {
    return {.outcome = CheckReport::Outcome::kDifferent,
            .logits_error = HUGE_VAL,
            .state_error = HUGE_VAL,
            .detail = "the runs have other shapes: these are different models"};
  }
  const double bar = numerics == Numerics::kF32 ? 1e-4 : 2e-2;
  const std::vector<double> rows = row_errors(got, expected);
  std::vector<double> layers;
  for (size_t i = 0; i < expected.states.size(); ++i) {
    layers.push_back(relative_error(got.states[i], expected.states[i]));
  }
  const auto within = std::count_if(rows.begin(), rows.end(), [&](double e) { return e <= bar; });
  CheckReport report{.outcome = CheckReport::Outcome::kSame,
                     .logits_error = quantile(rows, 0.5),
                     .state_error = quantile(layers, 0.5),
                     .detail = {}};
  if (4 * within < 3 * kCheckTokens || report.state_error > bar || quantile(rows, 1.0) > 1e30) {
    report.outcome = CheckReport::Outcome::kDifferent;
  }
  report.detail = fmt::format(
      "logits differ by {:.2g} (median row; worst {:.2g}), {} of {} rows within {:.0e}; states of "
      "{} layers by {:.2g} (median; worst {:.2g})",
      report.logits_error, quantile(rows, 1.0), within, kCheckTokens, bar, layers.size(),
      report.state_error, quantile(layers, 1.0));
  return report;
}

}  // namespace dak
