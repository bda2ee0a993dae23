#include <array>
#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "dakkar/device/host_memory.h"
#include "dakkar/device/host_stream.h"
#include "dakkar/device/philox.h"
#include "dakkar/device/stochastic_rounding.h"

namespace dak {
namespace {

using Words = std::array<uint32_t, 4>;

TEST(PhiloxTest, GivesThePublishedWords) {
  EXPECT_EQ(philox(0, 0, 10), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox(0, 0, 5), (Words{0xf10446c0, 0xc841128b, 0x23f43d26, 0x6cb9f044}));
  EXPECT_EQ(philox(1, 1, 10), (Words{0xac08141b, 0xdfc5ccbe, 0x79c07a47, 0xa7f66093}));
  EXPECT_EQ(philox(1234567890123, 4294967301, 5),
            (Words{0xf049c170, 0x3154945d, 0xb1c2b1f7, 0x9b0f675a}));
}

TEST(StochasticRoundingTest, FlushingFormGivesThePublishedBits) {
  EXPECT_EQ(round_stochastic_flushing(1.0003F, 0).bits, 0x3c00);
  EXPECT_EQ(round_stochastic_flushing(1.0003F, 0x1fff).bits, 0x3c01);
  EXPECT_EQ(round_stochastic_flushing(-0.1F, 0x0800).bits, 0xae66);
  EXPECT_EQ(round_stochastic_flushing(3e-5F, 0x1fff).bits, 0x0000);
  EXPECT_EQ(round_stochastic_flushing(65519.0F, 0x1fff).bits, 0x7c00);
}

TEST(StochasticRoundingTest, IsUnbiasedFromSubnormalsUp) {
  std::mt19937_64 random(std::random_device{}());
  for (const float value : {1.0003F, -0.1F, 3e-5F, 5e-7F, -3e-8F, 2.2e-9F, 60000.5F}) {
    constexpr int kDraws = 200000;
    double sum = 0.0;
    for (int i = 0; i < kDraws; ++i) {
      sum += to_float(round_stochastic(value, static_cast<uint32_t>(random())));
    }
    // One unit of the format at that size; the mean of n draws scatters by at most unit / 2
    // sqrt(n).
    const double unit =
        std::max(0x1p-24, std::exp2(std::floor(std::log2(std::fabs(double{value}))) - 10));
    EXPECT_NEAR(sum / kDraws, value, 6.0 * 0.5 * unit / std::sqrt(kDraws)) << value;
  }
}

TEST(StochasticRoundingTest, KeepsWhatTheFormatHoldsAndSaturates) {
  for (const uint32_t random : {0U, 0x80000000U, 0xffffffffU}) {
    for (uint32_t bits = 0; bits < 0x7c00U; ++bits) {
      const F16 exact{static_cast<uint16_t>(bits)};
      ASSERT_EQ(round_stochastic(to_float(exact), random).bits, bits);
    }
    EXPECT_EQ(round_stochastic(65519.0F, random).bits, 0x7bff);
    EXPECT_EQ(round_stochastic(-std::numeric_limits<float>::infinity(), random).bits, 0xfbff);
    EXPECT_TRUE(std::isnan(to_float(round_stochastic(std::nanf(""), random))));
  }
}

TEST(HostStreamTest, CaptureRecordsAndReplayRuns) {
  const std::unique_ptr<Stream> stream = make_host_stream();
  int from = 1;
  int to = 0;
  stream->begin_capture();
  stream->copy(&to, &from, sizeof(from));
  const std::unique_ptr<CapturedStep> step = stream->end_capture();
  EXPECT_EQ(to, 0);
  from = 2;
  stream->replay(*step);
  EXPECT_EQ(to, 2);
}

TEST(HostMemoryTest, AllocationsAreZeroedAndAligned) {
  const DeviceMemory memory = allocate_host_memory(5000).value();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.data()) % (2 << 20), 0U);
  EXPECT_EQ(memory.data()[4999], std::byte{0});
}

TEST(HostMemoryTest, MoreThanAddressSpaceIsAnError) {
  EXPECT_EQ(allocate_host_memory(int64_t{1} << 55).error().code, ErrorCode::kResourceExhausted);
  EXPECT_FALSE(allocate_host_memory(std::numeric_limits<int64_t>::max()).has_value());
}

}  // namespace
}  // namespace dak
