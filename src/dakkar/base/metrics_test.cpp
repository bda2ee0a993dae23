#include "dakkar/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dak {
namespace {

using testing::HasSubstr;

TEST(MetricRegistryTest, WritesCountersWithAllTheirLabels) {
  MetricRegistry registry(MetricLabels{{"engine", "0"}});
  registry.counter({.name = "x_total", .help = "Things", .labels = {{"kind", "a"}}}).add(2.0);
  EXPECT_THAT(registry.text(), HasSubstr("# HELP x_total Things"));
  EXPECT_THAT(registry.text(), HasSubstr(R"(x_total{engine="0",kind="a"} 2)"));
}

TEST(MetricRegistryTest, TheSameNameIsTheSameSeries) {
  MetricRegistry registry(MetricLabels{});
  const MetricName name{.name = "x_total", .help = "Things", .labels = {}};
  registry.counter(name).add();
  registry.counter(name).add();
  EXPECT_EQ(registry.counter(name).value(), 2.0);
}

TEST(MetricRegistryTest, HistogramsCountByUpperBound) {
  MetricRegistry registry(MetricLabels{});
  const MetricName name{.name = "x_seconds", .help = "Times", .labels = {}};
  registry.histogram(name, {1.0, 2.0}).observe(1.5);
  EXPECT_THAT(registry.text(), HasSubstr(R"(x_seconds_bucket{le="1"} 0)"));
  EXPECT_THAT(registry.text(), HasSubstr(R"(x_seconds_bucket{le="2"} 1)"));
  EXPECT_THAT(registry.text(), HasSubstr(R"(x_seconds_bucket{le="+Inf"} 1)"));
}

}  // namespace
}  // namespace dak
