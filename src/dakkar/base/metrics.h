#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace dak {

/// Labels of one time series, e.g. {{"finished_reason", "stop"}}.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

/// A number that only grows. Cheap to copy; valid while its `MetricRegistry` lives. Thread-safe.
class MetricCounter final {
 public:
  explicit MetricCounter(prometheus::Counter& counter) : counter_(&counter) {}
  /// Adds `amount`, which is not negative.
  void add(double amount = 1.0) const;
  [[nodiscard]] double value() const;

 private:
  prometheus::Counter* counter_;
};

/// A number that goes up and down. As `MetricCounter` otherwise.
class MetricGauge final {
 public:
  explicit MetricGauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  void set(double value) const;

 private:
  prometheus::Gauge* gauge_;
};

/// Counts of observations by size. As `MetricCounter` otherwise.
class MetricHistogram final {
 public:
  explicit MetricHistogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* histogram_;
};

/// What one metric is called and what it says. `name` is complete, prefix included; counters end
/// in `_total`.
struct MetricName {
  std::string name;
  std::string help;
  MetricLabels labels;
};

/// All time series of a process, and their text in the Prometheus exposition format (0.0.4).
///
/// Asking for a series that exists gives the same one. Thread-safe.
class MetricRegistry final {
 public:
  /// `constant` labels stand on every series.
  explicit MetricRegistry(MetricLabels constant);
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  [[nodiscard]] MetricCounter counter(const MetricName& name);
  [[nodiscard]] MetricGauge gauge(const MetricName& name);
  /// `bounds`: upper bounds of the buckets, ascending; one without bound is added.
  [[nodiscard]] MetricHistogram histogram(const MetricName& name,
                                          const std::vector<double>& bounds);

  /// Every series, as a scrape wants it.
  [[nodiscard]] std::string text() const;

 private:
  class Series;
  std::unique_ptr<Series> series_;
};

}  // namespace dak
