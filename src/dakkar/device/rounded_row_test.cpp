#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/device/philox.h"
#include "dakkar/device/stochastic_rounding.h"

namespace dak {
namespace {

constexpr int64_t kWidth = 128;
constexpr uint64_t kSeed = 0x1b873593c2b2ae35U;

/// Values whose lower neighbour in f16 is known exactly, from ordinary to subnormal.
struct Between {
  float value;
  double unit;  ///< distance of its neighbours
};
constexpr Between kValues[] = {{1.0003F, 0x1p-10},   {-0.1F, 0x1p-14}, {1.9995F, 0x1p-10},
                               {60000.5F, 0x1p5},    {3e-5F, 0x1p-24}, {-5.3e-7F, 0x1p-24},
                               {0x1.8p-27F, 0x1p-24}};

/// Share of the way from the neighbour nearer to zero to the other one: the chance of the latter.
double share_of(const Between& x) {
  const double units = std::fabs(double{x.value}) / x.unit;
  return units - std::floor(units);
}

/// Which elements of a row full of `x` went away from zero.
std::vector<bool> ups_of(const RoundedRow& row, const Between& x) {
  const std::vector<float> from(kWidth, x.value);
  std::vector<F16> to(kWidth);
  round_row(row, from, to.data());
  std::vector<bool> ups;
  for (const F16 rounded : to) {
    ups.push_back(std::fabs(to_float(rounded)) > std::fabs(x.value));
  }
  return ups;
}

/// The sum over all rows of (ups - expected)^2 / variance should be as for independent draws. For
/// `sums` of `terms` draws each: its mean is their number, its variance 2 + (1 - 6v) / (terms v)
/// each, where v is a draw's variance.
void expect_independent(const std::vector<double>& sums, double terms, double share) {
  const double variance = share * (1.0 - share);
  double total = 0.0;
  for (const double sum : sums) {
    total += (sum - terms * share) * (sum - terms * share) / (terms * variance);
  }
  const auto count = static_cast<double>(sums.size());
  const double each = 2.0 + (1.0 - 6.0 * variance) / (terms * variance);
  EXPECT_NEAR(total, count, 6.0 * std::sqrt(count * each));
}

TEST(RoundedRowTest, IsExactInExpectationAndScattersAsIndependentDraws) {
  constexpr int64_t kRows = 2000;
  for (const Between& x : kValues) {
    SCOPED_TRACE(x.value);
    const double share = share_of(x);
    double ups = 0.0;
    std::vector<double> by_row;
    std::vector<double> by_element(kWidth);
    for (int64_t i = 0; i < kRows; ++i) {
      // Position, layer and row move together, as no generator should notice.
      const RoundedRow row{
          .seed = kSeed, .layer = i % 7, .position = 16 * (i % 400), .row = i % 50};
      const std::vector<bool> row_ups = ups_of(row, x);
      by_row.push_back(0.0);
      for (size_t n = 0; n < row_ups.size(); ++n) {
        ups += row_ups[n] ? 1.0 : 0.0;
        by_row.back() += row_ups[n] ? 1.0 : 0.0;
        by_element[n] += row_ups[n] ? 1.0 : 0.0;
      }
    }
    constexpr double kDraws = double{kRows} * kWidth;
    // The mean error is (ups / draws - share) units; sixteen bits leave 2^-16 of it below 2^-14.
    EXPECT_NEAR(ups / kDraws, share, 6.0 * std::sqrt(share * (1.0 - share) / kDraws) + 0x1p-16);
    expect_independent(by_row, kWidth, share);
    expect_independent(by_element, kRows, share);
  }
}

TEST(RoundedRowTest, EveryPartOfThePlaceMatters) {
  const RoundedRow place{.seed = kSeed, .layer = 3, .position = 160, .row = 77};
  RoundedRow other[] = {place, place, place, place};
  other[0].seed += uint64_t{1} << 40;
  other[1].layer = 4;
  other[2].position = 176;
  other[3].row = 78;
  const std::vector<bool> here = ups_of(place, {1.00048828125F, 0x1p-10});
  EXPECT_EQ(ups_of(place, {1.00048828125F, 0x1p-10}), here);
  for (const RoundedRow& there : other) {
    const std::vector<bool> ups = ups_of(there, {1.00048828125F, 0x1p-10});
    int64_t equal = 0;
    for (size_t n = 0; n < ups.size(); ++n) {
      equal += ups[n] == here[n] ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(equal), kWidth / 2.0, 6.0 * std::sqrt(kWidth / 4.0));
  }
}

TEST(RoundedRowTest, EachElementTakesItsOwnSixteenBits) {
  const RoundedRow place{.seed = kSeed, .layer = 1, .position = 32, .row = 5};
  const std::vector<float> from(20, 1.0003F);
  std::vector<F16> to(from.size());
  round_row(place, from, to.data());
  for (size_t n = 0; n < from.size(); ++n) {
    const auto words = philox(kSeed, {static_cast<uint32_t>(n / 8), 5, 32, 1}, 5);
    const uint32_t word = words[n % 8 / 2];
    const uint32_t bits = n % 2 == 0 ? word & 0xffffU : word >> 16;
    EXPECT_EQ(to[n].bits, round_stochastic(from[n], bits << 16).bits) << n;
  }
}

TEST(RoundedRowTest, SaturatesAndKeepsNotANumberVisible) {
  const std::vector<float> from = {1e9F,          -70000.0F, std::numeric_limits<float>::infinity(),
                                   std::nanf(""), 65504.0F,  0.0F};
  std::vector<F16> to(from.size());
  round_row({.seed = kSeed, .layer = 0, .position = 16, .row = 0}, from, to.data());
  EXPECT_EQ(to_float(to[0]), 65504.0F);
  EXPECT_EQ(to_float(to[1]), -65504.0F);
  EXPECT_EQ(to_float(to[2]), 65504.0F);
  EXPECT_TRUE(std::isnan(to_float(to[3])));
  EXPECT_EQ(to_float(to[4]), 65504.0F);
  EXPECT_EQ(to[5].bits, 0);
}

}  // namespace
}  // namespace dak
