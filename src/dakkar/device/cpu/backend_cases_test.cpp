#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak {
namespace {

using testing::OpCase;
using testing::RunMode;

/// Runs all cases on `backend` against the reference.
void expect_reference_results(const Backend& backend, RunMode mode) {
  const std::unique_ptr<Backend> reference = open_reference().value();
  const uint64_t seed = testing::fresh_seed();
  for (const OpCase& op_case : testing::all_op_cases()) {
    EXPECT_EQ(
        testing::difference(
            op_case, {.backend = backend, .reference = *reference, .mode = mode, .seed = seed}),
        "")
        << op_case.name;
  }
}

TEST(ReferenceBackendTest, ReplaysReadTheCountsOfTheirTime) {
  expect_reference_results(*open_reference().value(), RunMode::kReplayed);
}

class CpuBackendTest : public ::testing::TestWithParam<cpu::InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
    backend_ = cpu::open_with(GetParam());
  }
  std::unique_ptr<Backend> backend_;
};

TEST_P(CpuBackendTest, EveryOpGivesTheReferencesResult) {
  expect_reference_results(*backend_, RunMode::kDirect);
}

TEST_P(CpuBackendTest, ReplaysReadTheCountsOfTheirTime) {
  expect_reference_results(*backend_, RunMode::kReplayed);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuBackendTest,
                         ::testing::Values(cpu::InstructionSet::kAvx2, cpu::InstructionSet::kAvx512,
                                           cpu::InstructionSet::kAvx512Bf16),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

}  // namespace
}  // namespace dak
