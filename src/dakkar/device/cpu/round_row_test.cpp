#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/cpu/ring_scan.h"
#include "dakkar/device/stochastic_rounding.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;

/// Numbers of every size that f16 tells apart, and of those that it does not.
std::vector<float> values_of_all_sizes(int64_t count) {
  std::mt19937_64 random(testing::fresh_seed());
  std::uniform_real_distribution<float> mantissa(1.0F, 2.0F);
  std::vector<float> values = {0.0F, -0.0F, 65503.9F, 65504.0F, -70000.0F, 1e-45F};
  values.push_back(std::numeric_limits<float>::infinity());
  values.push_back(-std::nanf(""));
  for (int exponent = -48; std::ssize(values) < count;
       exponent = exponent < 16 ? exponent + 1 : -48) {
    values.push_back(std::ldexp(mantissa(random), exponent) * (exponent % 3 == 0 ? -1.0F : 1.0F));
  }
  return values;
}

class CpuRoundRowTest : public ::testing::TestWithParam<InstructionSet> {};

TEST_P(CpuRoundRowTest, RoundsEveryNumberAsTheDefinitionDoes) {
  if (!cpu::supports(GetParam())) {
    GTEST_SKIP() << "this processor does not have the instruction set";
  }
  const cpu::RingKernels& kernels =
      GetParam() == InstructionSet::kAvx2 ? cpu::kRingsAvx2 : cpu::kRingsAvx512;
  for (const int64_t count : {16, 128, 144, 4096}) {
    const std::vector<float> values = values_of_all_sizes(count);
    const auto size = static_cast<size_t>(count);
    std::vector<F16> expected(size);
    round_row({.seed = 0x123456789abcdef, .layer = 3, .position = 48, .row = 77},
              std::span(values).first(size), expected.data());
    std::vector<uint16_t> got(size);
    kernels.round({.name = {.seed = 0x123456789abcdef, .layer = 3, .position = 48, .row = 77},
                   .from = values.data(),
                   .count = count,
                   .to = got.data()});
    for (size_t i = 0; i < size; ++i) {
      EXPECT_EQ(got[i], expected[i].bits) << values[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuRoundRowTest,
                         ::testing::Values(InstructionSet::kAvx2, InstructionSet::kAvx512),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

}  // namespace
}  // namespace dak
