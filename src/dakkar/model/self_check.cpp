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

std::vector<double> layer_errors(const CheckRun& got, const CheckRun& expected) {
  std::vector<double> errors;
  for (size_t i = 0; i < expected.states.size(); ++i) {
    errors.push_back(relative_error(got.states[i], expected.states[i]));
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

CheckBar CheckBar::of(Numerics numerics) {
  const double bar = numerics == Numerics::kF32 ? 1e-4 : 2e-2;
  return {.logits = bar, .state = bar};
}

CheckBar CheckBar::of(const CheckRun& shipped, const CheckRun& f32) {
  constexpr double kApart = 1.5;
  CheckBar bar = of(Numerics::kShipped);
  if (same_shape(shipped, f32)) {
    bar.logits = std::max(bar.logits, kApart * quantile(row_errors(shipped, f32), 0.5));
    bar.state = std::max(bar.state, kApart * quantile(layer_errors(shipped, f32), 0.5));
  }
  return bar;
}

CheckReport compare_checks(const CheckRun& got, const CheckRun& expected, const CheckBar& bar) {
  if (!same_shape(got, expected)) {
    return {.outcome = CheckReport::Outcome::kDifferent,
            .logits_error = HUGE_VAL,
            .state_error = HUGE_VAL,
            .detail = "the runs have other shapes: these are different models"};
  }
  const std::vector<double> rows = row_errors(got, expected);
  const std::vector<double> layers = layer_errors(got, expected);
  const auto within =
      std::count_if(rows.begin(), rows.end(), [&](double e) { return e <= bar.logits; });
  CheckReport report{.outcome = CheckReport::Outcome::kSame,
                     .logits_error = quantile(rows, 0.5),
                     .state_error = quantile(layers, 0.5),
                     .detail = {}};
  if (4 * within < 3 * kCheckTokens || report.state_error > bar.state ||
      quantile(rows, 1.0) > 1e30) {
    report.outcome = CheckReport::Outcome::kDifferent;
  }
  report.detail = fmt::format(
      "logits differ by {:.2g} (median row; worst {:.2g}), {} of {} rows within {:.2g}; states of "
      "{} layers by {:.2g} (median; worst {:.2g})",
      report.logits_error, quantile(rows, 1.0), within, kCheckTokens, bar.logits, layers.size(),
      report.state_error, quantile(layers, 1.0));
  return report;
}

Result<CheckReport> check_by_reference(ModelLoadArgs load, const CheckRun& got) {
  const Result<std::unique_ptr<Backend>> reference = open_reference();
  if (!reference) {
    return fail(reference.error());
  }
  load.backend = reference->get();
  const Result<CheckRun> expected = run_check(load);
  if (!expected || load.numerics == Numerics::kF32) {
    return expected
               ? Result<CheckReport>(compare_checks(got, *expected, CheckBar::of(load.numerics)))
               : fail(expected.error());
  }
  load.numerics = Numerics::kF32;
  load.state = StateStorage::kF32;
  const Result<CheckRun> f32 = run_check(load);
  if (!f32) {
    return fail(f32.error());
  }
  return compare_checks(got, *expected, CheckBar::of(*expected, *f32));
}

}  // namespace dak
