#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;
using testing::OpRig;

/// Widths that fill panels, leave tails, and give one row several panels at once.
constexpr int64_t kWidths[] = {1, 64, 75, 160};
/// More than the columns that are decoded together.
constexpr int64_t kColumns = 160;
constexpr int64_t kRows = 17;

std::vector<float> apply(OpRig& rig, const PackedWeight& weight, const TensorView& x) {
  const TensorView out = rig.zeros(DType::kF32, {x.dim(0), weight.n});
  ops::linear(rig.context(), {.x = x,
                              .weight = &weight,
                              .out = out,
                              .accumulate = Accumulate::kNo,
                              .tokens = rig.count(x.dim(0))});
  return rig.read(out);
}

class CpuLinearTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
  }
};

TEST_P(CpuLinearTest, ARowIsTheSameBitsInAnyBatch) {
  const std::unique_ptr<Backend> backend = cpu::open_with(GetParam());
  OpRig rig(*backend, testing::fresh_seed());
  for (const QuantFormat format : {QuantFormat::kBF16, QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    for (const int64_t n : kWidths) {
      const PackedWeight& weight = rig.weight(format, n, kColumns);
      // Products of two bf16 values are exact in f32: only other activations show a lost FMA.
      for (const DType dtype : {DType::kF32, DType::kBF16}) {
        const TensorView x = rig.randoms(dtype, {kRows, kColumns});
        const std::vector<float> all = apply(rig, weight, x);
        for (int64_t rows = 1; rows <= kRows; ++rows) {
          for (int64_t begin = 0; begin + rows <= kRows; begin += rows) {
            const auto first = all.begin() + begin * n;
            EXPECT_EQ(apply(rig, weight, x.rows(begin, rows)),
                      std::vector<float>(first, first + rows * n))
                << name_of(format) << " rows " << rows << " from " << begin << ", n " << n;
          }
        }
      }
    }
  }
}

/// `choices` [T, 2] of three experts and an empty one.
std::vector<float> apply_experts(OpRig& rig, std::span<const PackedWeight> experts,
                                 const TensorView& x, const TensorView& choices) {
  const int64_t rows = choices.elements();
  const TensorView out = rig.zeros(DType::kF32, {rows, experts[0].n});
  ops::expert_linear(rig.context(),
                     {.x = x,
                      .input = x.dim(0) == rows ? ExpertInput::kPerChoice : ExpertInput::kPerToken,
                      .experts = experts,
                      .chosen = choices,
                      .out = out,
                      .tokens = rig.count(choices.dim(0))});
  return rig.read(out);
}

TEST_P(CpuLinearTest, AnExpertRowIsTheSameBitsInAnyBatchAndAsALinear) {
  const std::unique_ptr<Backend> backend = cpu::open_with(GetParam());
  OpRig rig(*backend, testing::fresh_seed());
  constexpr int64_t kWidth = 75;
  std::vector<int32_t> chosen;
  for (int64_t i = 0; i < 2 * kRows; ++i) {
    chosen.push_back(static_cast<int32_t>(rig.random()() % 4));
  }
  const TensorView choices = rig.ints(chosen).reshaped({kRows, 2});
  for (const QuantFormat format : {QuantFormat::kBF16, QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    const std::span<const PackedWeight> experts =
        rig.experts({format, format, format}, kWidth, kColumns);
    const TensorView x = rig.randoms(DType::kF32, {kRows, kColumns});
    const std::vector<float> all = apply_experts(rig, experts, x, choices);
    for (int64_t rows = 1; rows <= kRows; ++rows) {
      for (int64_t begin = 0; begin + rows <= kRows; begin += rows) {
        const auto first = all.begin() + 2 * begin * kWidth;
        EXPECT_EQ(apply_experts(rig, experts, x.rows(begin, rows), choices.rows(begin, rows)),
                  std::vector<float>(first, first + 2 * rows * kWidth))
            << name_of(format) << " rows " << rows << " from " << begin;
      }
    }
    for (int64_t row = 0; row < 2 * kRows; ++row) {
      const PackedWeight& weight = experts[static_cast<size_t>(chosen[static_cast<size_t>(row)])];
      const auto first = all.begin() + row * kWidth;
      const std::vector<float> got(first, first + kWidth);
      EXPECT_EQ(got,
                weight.k == 0 ? std::vector<float>(kWidth) : apply(rig, weight, x.rows(row / 2, 1)))
          << name_of(format) << " row " << row;
    }
  }
}

TEST_P(CpuLinearTest, CheckpointFormatsLeaveTheReferenceLayout) {
  const std::unique_ptr<Backend> backend = cpu::open_with(GetParam());
  OpRig rig(*backend, 1);
  EXPECT_NE(rig.weight(QuantFormat::kBF16, 40, 32).layout, kReferenceLayout);
  EXPECT_NE(rig.weight(QuantFormat::kNvfp4, 40, 32).layout, kReferenceLayout);
  EXPECT_EQ(rig.weight(QuantFormat::kFp8, 40, 32).bytes(), 64 * 32);
  EXPECT_EQ(rig.weight(QuantFormat::kBF16, 65, 33).bytes(), 128 * 34 * 2);
  // 64 outputs of 32 columns: nibbles and a scale byte per 16 of them.
  EXPECT_EQ(rig.weight(QuantFormat::kNvfp4, 40, 32).bytes(), 64 * 16 + 64 * 2);
}

TEST_P(CpuLinearTest, EveryFp8CodeIsRead) {
  const std::unique_ptr<Backend> backend = cpu::open_with(GetParam());
  OpRig rig(*backend, 1);
  std::vector<uint8_t> codes(256);
  std::iota(codes.begin(), codes.end(), uint8_t{0});
  QuantView view;
  view.format = QuantFormat::kFp8;
  view.rows = 256;
  view.columns = 1;
  for (const bool with_nan : {true, false}) {
    if (!with_nan) {
      codes[0x7f] = codes[0xff] = 0;
    }
    view.values = TensorView::dense(codes.data(), DType::kF8E4M3, {256, 1});
    for (const DType dtype : {DType::kF32, DType::kBF16}) {
      const std::vector<float> got = apply(rig, rig.pack(view), rig.tensor(dtype, {1, 1}, {1.0F}));
      for (size_t i = 0; i < codes.size(); ++i) {
        const float want = to_float(F8E4M3{codes[i]});
        EXPECT_TRUE(got[i] == want || (std::isnan(got[i]) && std::isnan(want))) << "code " << i;
      }
    }
  }
}

TEST_P(CpuLinearTest, EveryBlockScaleIsRead) {
  const std::unique_ptr<Backend> backend = cpu::open_with(GetParam());
  OpRig rig(*backend, 1);
  std::vector<uint8_t> scales(256);
  std::iota(scales.begin(), scales.end(), uint8_t{0});
  scales[0x7f] = scales[0xff] = 0;
  // A pair of e2m1 codes 2 is twice 1.
  std::vector<uint8_t> codes(256 * kNvfp4Block / 2, 0x22);
  QuantView view;
  view.format = QuantFormat::kNvfp4;
  view.rows = 256;
  view.columns = kNvfp4Block;
  view.values = TensorView::dense(codes.data(), DType::kU8, {256, kNvfp4Block / 2});
  view.block_scales = TensorView::dense(scales.data(), DType::kF8E4M3, {256, 1});
  const PackedWeight& weight = rig.pack(view);
  EXPECT_NE(weight.layout, kReferenceLayout);
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const std::vector<float> ones(4 * kNvfp4Block, 1.0F);
    const std::vector<float> got = apply(rig, weight, rig.tensor(dtype, {4, kNvfp4Block}, ones));
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i], 16.0F * to_float(F8E4M3{scales[i % 256]})) << "code " << i % 256;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuLinearTest,
                         ::testing::Values(InstructionSet::kAvx2, InstructionSet::kAvx512,
                                           InstructionSet::kAvx512Bf16),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

TEST(CpuBackendsTest, InstructionSetsGiveTheSameBits) {
  if (!cpu::supports(InstructionSet::kAvx512)) {
    GTEST_SKIP() << "this processor has no AVX-512";
  }
  const std::unique_ptr<Backend> narrow = cpu::open_with(InstructionSet::kAvx2);
  const std::unique_ptr<Backend> wide = cpu::open_with(InstructionSet::kAvx512);
  const uint64_t seed = testing::fresh_seed();
  for (const QuantFormat format : {QuantFormat::kBF16, QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    std::vector<float> results[2];
    for (const Backend* backend : {narrow.get(), wide.get()}) {
      OpRig rig(*backend, seed);
      const PackedWeight& weight = rig.weight(format, 75, kColumns);
      results[backend == wide.get() ? 1 : 0] =
          apply(rig, weight, rig.randoms(DType::kF32, {7, kColumns}));
    }
    EXPECT_EQ(results[0], results[1]) << name_of(format);
  }
}

TEST(CpuBackendsTest, F32NumericsAreRefused) {
  const std::unique_ptr<Backend> backend = open_cpu().value();
  QuantView none;
  EXPECT_EQ(backend->pack(none, Numerics::kF32).error().code, ErrorCode::kUnimplemented);
}

}  // namespace
}  // namespace dak
