#include "dakkar/base/metrics.h"

#include <sstream>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace dak {

void MetricCounter::add(double amount) const {
  counter_->Increment(amount);
}
double MetricCounter::value() const {
  return counter_->Value();
}
void MetricGauge::set(double value) const {
  gauge_->Set(value);
}
void MetricHistogram::observe(double value) const {
  histogram_->Observe(value);
}

class MetricRegistry::Series final {
 public:
  explicit Series(MetricLabels constant) : constant_(constant.begin(), constant.end()) {}

  prometheus::Registry registry;

  [[nodiscard]] const prometheus::Labels& constant() const { return constant_; }

  static prometheus::Labels labels_of(const MetricName& name) {
    return {name.labels.begin(), name.labels.end()};
  }

 private:
  const prometheus::Labels constant_;
};

MetricRegistry::MetricRegistry(MetricLabels constant)
    : series_(std::make_unique<Series>(std::move(constant))) {}
MetricRegistry::~MetricRegistry() = default;

MetricCounter MetricRegistry::counter(const MetricName& name) {
  auto& family = prometheus::BuildCounter()
                     .Name(name.name)
                     .Help(name.help)
                     .Labels(series_->constant())
                     .Register(series_->registry);
  return MetricCounter(family.Add(Series::labels_of(name)));
}

MetricGauge MetricRegistry::gauge(const MetricName& name) {
  auto& family = prometheus::BuildGauge()
                     .Name(name.name)
                     .Help(name.help)
                     .Labels(series_->constant())
                     .Register(series_->registry);
  return MetricGauge(family.Add(Series::labels_of(name)));
}

MetricHistogram MetricRegistry::histogram(const MetricName& name,
                                          const std::vector<double>& bounds) {
  auto& family = prometheus::BuildHistogram()
                     .Name(name.name)
                     .Help(name.help)
                     .Labels(series_->constant())
                     .Register(series_->registry);
  return MetricHistogram(family.Add(Series::labels_of(name), bounds));
}

std::string MetricRegistry::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, series_->registry.Collect());
  return out.str();
}

}  // namespace dak
