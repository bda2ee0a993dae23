#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "dakkar/base/clock.h"
#include "dakkar/base/metrics.h"
#include "dakkar/engine/engine.h"
#include "dakkar/server/health.h"

namespace dak {

/// One answered HTTP request.
struct HttpRecord {
  std::string_view handler;  ///< a route's name: labels must not grow with what clients send
  int status = 200;
  double seconds = 0.0;
};

/// Metrics of the HTTP side and of the engine as it is at a scrape. Thread-safe.
class ServerMetrics final {
 public:
  ServerMetrics(MetricRegistry& registry, std::string_view prefix);

  void answered(const HttpRecord& record);
  /// Notes a client that left before its answer was complete.
  void disconnected() { disconnects_.add(); }
  /// Notes that a stream had to wait for its client to read.
  void backpressure() { backpressure_.add(); }
  /// Notes a request that was refused because the queue was full.
  void rejected() { rejections_.add(); }

  /// Brings gauges and counters up to date with the engine; counters leave out what it had done
  /// `before`.
  void scrape(const EngineStats& stats, const EngineStats& before);

  /// Brings the gauges of stalls and of the self-check up to date.
  void note_health(const EngineStats& stats, const SelfCheck& check);

  /// A line for people about the time since the last call; empty when nothing happened.
  [[nodiscard]] std::string status_line(const EngineStats& stats);

  /// Seconds after which a refused client may try again, from how fast requests have been ending.
  [[nodiscard]] int64_t retry_after_seconds(const EngineStats& stats) const;

 private:
  void raise(MetricCounter counter, int64_t total);

  MetricRegistry& registry_;
  const std::string prefix_;
  MetricCounter disconnects_;
  MetricCounter backpressure_;
  MetricCounter rejections_;
  mutable std::mutex mutex_;
  EngineStats last_line_;  ///< at the last status line
  SteadyTime last_line_time_ = steady_now();
  double finished_per_second_ = 0.0;
};

}  // namespace dak
