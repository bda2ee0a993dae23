#include "dakkar/server/server_metrics.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

namespace dak {
namespace {

int64_t finished_of(const EngineStats& stats) {
  return stats.finished_stop + stats.finished_length + stats.finished_abort + stats.finished_error;
}

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0.0;
}

}  // namespace

ServerMetrics::ServerMetrics(MetricRegistry& registry, std::string_view prefix)
    : registry_(registry),
      prefix_(prefix),
      disconnects_(registry.counter({.name = "dakkar:client_disconnects_total",
                                     .help = "Clients that left before their answer was complete",
                                     .labels = {}})),
      backpressure_(registry.counter({.name = "dakkar:sse_backpressure_total",
                                      .help = "Writes of streams that waited for the client",
                                      .labels = {}})),
      rejections_(registry.counter({.name = prefix_ + "admission_rejections_total",
                                    .help = "Requests refused because the queue was full",
                                    .labels = {}})) {}

void ServerMetrics::answered(const HttpRecord& record) {
  const std::string handler(record.handler);
  registry_
      .counter({.name = "http_requests_total",
                .help = "HTTP requests by route and status",
                .labels = {{"handler", handler}, {"status", fmt::format("{}", record.status)}}})
      .add();
  registry_
      .histogram({.name = "http_request_duration_seconds",
                  .help = "From the end of a request's header to the end of its reply",
                  .labels = {{"handler", handler}}},
                 {.005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800})
      .observe(record.seconds);
}

void ServerMetrics::raise(MetricCounter counter, int64_t total) {
  const double more = static_cast<double>(total) - counter.value();
  if (more > 0.0) {
    counter.add(more);
  }
}

void ServerMetrics::scrape(const EngineStats& stats, const EngineStats& before) {
  const std::lock_guard lock(mutex_);
  const auto gauge = [&](std::string name, std::string help, double value) {
    registry_.gauge({.name = std::move(name), .help = std::move(help), .labels = {}}).set(value);
  };
  const auto counter = [&](std::string name, std::string help, int64_t total) {
    raise(registry_.counter({.name = std::move(name), .help = std::move(help), .labels = {}}),
          total);
  };
  const double pages = share(stats.pages_used, stats.pages_total);
  gauge(prefix_ + "num_requests_running", "Sequences in the batch",
        static_cast<double>(stats.running));
  gauge(prefix_ + "num_requests_waiting", "Requests that wait for a place",
        static_cast<double>(stats.waiting));
  gauge(prefix_ + "kv_cache_usage_perc", "Share of KV pages in use, 0 to 1", pages);
  gauge(prefix_ + "gpu_cache_usage_perc", "As kv_cache_usage_perc, for older dashboards", pages);
  counter(prefix_ + "prompt_tokens_total", "Prompt tokens computed",
          stats.prompt_tokens - before.prompt_tokens);
  counter(prefix_ + "generation_tokens_total", "Tokens generated",
          stats.generated_tokens - before.generated_tokens);
  counter(prefix_ + "num_preemptions_total", "Sequences that gave up their memory for others",
          stats.preemptions - before.preemptions);
  counter("dakkar:engine_steps_total", "Steps of the engine", stats.steps - before.steps);
  counter("dakkar:requests_admitted_total", "Choices that the engine took",
          stats.admitted - before.admitted);
  counter("dakkar:requests_refused_total", "Choices that the engine refused",
          stats.refused - before.refused);
  const auto slots = [&](std::string kind, int64_t value) {
    registry_
        .gauge({.name = "dakkar:ssm_state_slots",
                .help = "State slots by use",
                .labels = {{"state", std::move(kind)}}})
        .set(static_cast<double>(value));
  };
  slots("used", stats.slots_used);
  slots("free", stats.slots_total - stats.slots_used);
}

void ServerMetrics::note_health(const EngineStats& stats, const SelfCheck& check) {
  const auto gauge = [&](std::string name, std::string help, double value) {
    registry_.gauge({.name = std::move(name), .help = std::move(help), .labels = {}}).set(value);
  };
  gauge("dakkar:engine_alive", "0 once a rank or the engine's loop has ended",
        stats.alive ? 1.0 : 0.0);
  gauge("dakkar:engine_stalled", "1 while a step or the loop stands longer than --stall-seconds",
        stats.stalled ? 1.0 : 0.0);
  gauge("dakkar:engine_seconds_since_progress", "Since the engine last moved; 0 at rest",
        stats.seconds_since_progress);
  using Outcome = SelfCheck::Outcome;
  for (const Outcome outcome :
       {Outcome::kPending, Outcome::kPassed, Outcome::kFailed, Outcome::kSkipped}) {
    registry_
        .gauge({.name = "dakkar:self_check",
                .help = "1 for what came of comparing the device with the reference kernels",
                .labels = {{"outcome", std::string(outcome_name(outcome))}}})
        .set(outcome == check.outcome ? 1.0 : 0.0);
  }
}

std::string ServerMetrics::status_line(const EngineStats& stats) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = steady_now();
  const double seconds = std::max(seconds_between(last_line_time_, now), 1e-3);
  const EngineStats before = last_line_;
  last_line_ = stats;
  last_line_time_ = now;
  finished_per_second_ = static_cast<double>(finished_of(stats) - finished_of(before)) / seconds;
  if (stats.running == 0 && stats.waiting == 0 && stats.steps == before.steps) {
    return {};
  }
  return fmt::format(
      "prompt {:.1f} tok/s, generation {:.1f} tok/s, running {}, waiting {}, KV pages {:.1f}%, "
      "state slots {:.1f}%, preemptions {}",
      static_cast<double>(stats.prompt_tokens - before.prompt_tokens) / seconds,
      static_cast<double>(stats.generated_tokens - before.generated_tokens) / seconds,
      stats.running, stats.waiting, 100.0 * share(stats.pages_used, stats.pages_total),
      100.0 * share(stats.slots_used, stats.slots_total), stats.preemptions);
}

int64_t ServerMetrics::retry_after_seconds(const EngineStats& stats) const {
  const std::lock_guard lock(mutex_);
  if (finished_per_second_ <= 0.0) {
    return 10;
  }
  const double seconds = static_cast<double>(stats.waiting) / 2.0 / finished_per_second_;
  return std::clamp<int64_t>(std::llround(std::ceil(seconds)), 1, 120);
}

}  // namespace dak
