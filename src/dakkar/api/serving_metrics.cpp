#include "dakkar/api/serving_metrics.h"

#include <algorithm>
#include <vector>

#include <fmt/core.h>

#include "dakkar/base/log.h"

namespace dak {
namespace {

constexpr size_t kMaxFieldNames = 64;
constexpr size_t kMaxFieldBytes = 48;

std::vector<double> first_token_bounds() {
  return {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
          1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
}

std::vector<double> token_gap_bounds() {
  return {.001, .0025, .005, .0075, .01, .025, .05, .075, .1, .15, .2, .3,
          .4,   .5,    .75,  1,     2.5, 5,    7.5, 10,   20, 40,  80};
}

std::vector<double> request_bounds() {
  return {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
          30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
}

/// 1, 2, 5, 10, ... up to two million tokens.
std::vector<double> token_bounds() {
  std::vector<double> bounds;
  for (double decade = 1.0; decade < 2e6; decade *= 10.0) {
    for (const double step : {1.0, 2.0, 5.0}) {
      bounds.push_back(decade * step);
    }
  }
  return bounds;
}

/// Makes metrics with one prefix.
struct Builder {
  MetricRegistry& registry;
  std::string prefix;

  [[nodiscard]] MetricHistogram histogram(std::string_view name, std::string_view help,
                                          const std::vector<double>& bounds) const {
    return registry.histogram(
        {.name = prefix + std::string(name), .help = std::string(help), .labels = {}}, bounds);
  }
  [[nodiscard]] MetricCounter finished(std::string_view reason) const {
    return registry.counter({.name = prefix + "request_success_total",
                             .help = "Choices that ended, by reason",
                             .labels = {{"finished_reason", std::string(reason)}}});
  }
};

}  // namespace

ServingMetrics::ServingMetrics(MetricRegistry& registry, std::string_view prefix)
    : registry_(registry),
      first_token_(Builder{registry, std::string(prefix)}.histogram(
          "time_to_first_token_seconds", "From a request's arrival to its first token",
          first_token_bounds())),
      token_gap_(Builder{registry, std::string(prefix)}.histogram(
          "inter_token_latency_seconds", "Between the steps of a choice", token_gap_bounds())),
      time_per_token_(Builder{registry, std::string(prefix)}.histogram(
          "request_time_per_output_token_seconds", "Mean time per token after the first",
          token_gap_bounds())),
      total_(Builder{registry, std::string(prefix)}.histogram(
          "e2e_request_latency_seconds", "From a request's arrival to its last token",
          request_bounds())),
      decode_(Builder{registry, std::string(prefix)}.histogram(
          "request_decode_time_seconds", "From a choice's first token to its last",
          request_bounds())),
      prompt_tokens_(Builder{registry, std::string(prefix)}.histogram(
          "request_prompt_tokens", "Tokens of prompts", token_bounds())),
      generated_tokens_(Builder{registry, std::string(prefix)}.histogram(
          "request_generation_tokens", "Tokens generated per choice", token_bounds())),
      max_tokens_(Builder{registry, std::string(prefix)}.histogram(
          "request_params_max_tokens", "Tokens a choice was allowed", token_bounds())),
      stop_(Builder{registry, std::string(prefix)}.finished("stop")),
      length_(Builder{registry, std::string(prefix)}.finished("length")),
      abort_(Builder{registry, std::string(prefix)}.finished("abort")),
      error_(Builder{registry, std::string(prefix)}.finished("error")) {}

void ServingMetrics::finished(const RequestRecord& record) {
  switch (record.reason) {
    case FinishReason::kStop:
      stop_.add();
      break;
    case FinishReason::kLength:
      length_.add();
      break;
    case FinishReason::kAbort:
      abort_.add();
      break;
    case FinishReason::kError:
      error_.add();
      break;
  }
  prompt_tokens_.observe(static_cast<double>(record.prompt_tokens));
  generated_tokens_.observe(static_cast<double>(record.generated_tokens));
  max_tokens_.observe(static_cast<double>(record.max_tokens));
  total_.observe(record.seconds);
  if (record.first_token_seconds >= 0.0 && record.generated_tokens > 1) {
    const double decode = record.seconds - record.first_token_seconds;
    decode_.observe(decode);
    time_per_token_.observe(decode / static_cast<double>(record.generated_tokens - 1));
  }
}

void ServingMetrics::unknown_field(std::string_view name) {
  std::string label(name.substr(0, kMaxFieldBytes));
  const bool plain = std::all_of(label.begin(), label.end(),
                                 [](char c) { return c > ' ' && c <= '~' && c != '"'; });
  const std::lock_guard lock(mutex_);
  if (!plain || (fields_seen_.size() >= kMaxFieldNames && !fields_seen_.contains(label))) {
    label = "other";
  }
  if (fields_seen_.insert(label).second) {
    log_info(
        fmt::format("requests carry the unknown field '{}': it is ignored (said once)", label));
  }
  registry_
      .counter({.name = "dakkar:unknown_field_total",
                .help = "Request fields that nobody knows, by name",
                .labels = {{"field", label}}})
      .add();
}

}  // namespace dak
