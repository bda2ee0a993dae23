#include <cmath>

#include <gtest/gtest.h>

#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::OpRig;
using testing::relative_error;

constexpr double kEps = 1e-5;

/// One row scaled to unit root-mean-square, times `weight` from `begin` on, in double.
std::vector<double> normalised(std::vector<double> row, const std::vector<float>& weight,
                               size_t begin = 0) {
  double sum = 0.0;
  for (const double value : row) {
    sum += value * value;
  }
  const double scale = 1.0 / std::sqrt(sum / static_cast<double>(row.size()) + kEps);
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] *= scale * weight[begin + i];
  }
  return row;
}

class RowOpsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend_ = open_reference().value();
  OpRig rig_{*backend_, fresh_seed()};
};

TEST_F(RowOpsTest, EmbeddingGivesZerosForRowsOfOtherRanks) {
  const TensorView out = rig_.randoms(DType::kF32, {4, 2});
  ops::embed(rig_.context(), {.ids = rig_.ints({5, 4, 7, -1}),
                              .table = rig_.tensor(DType::kBF16, {2, 2}, {1, 2, 3, 4}),
                              .row_begin = 5,
                              .out = out,
                              .tokens = rig_.count(4)});
  EXPECT_EQ(rig_.read(out), (std::vector<float>{1, 2, 0, 0, 0, 0, 0, 0}));
}

TEST_F(RowOpsTest, NormIsTheFormulaAndRoundsOnce) {
  const TensorView x = rig_.randoms(DType::kBF16, {1, 64}, {.scale = 3.0F});
  const TensorView weight = rig_.randoms(DType::kF32, {64});
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const TensorView out = rig_.zeros(dtype, {1, 64});
    ops::rms_norm(rig_.context(), {.x = x,
                                   .weight = weight,
                                   .eps = static_cast<float>(kEps),
                                   .out = out,
                                   .tokens = rig_.count(1)});
    const std::vector<float> row = rig_.read(x);
    EXPECT_LT(
        relative_error(rig_.read(out), normalised({row.begin(), row.end()}, rig_.read(weight))),
        dtype == DType::kF32 ? 1e-6 : 0x1p-8);
  }
}

TEST_F(RowOpsTest, AddedNormNormalisesTheRoundedSum) {
  const TensorView residual = rig_.tensor(DType::kBF16, {1, 2}, {256.0F, 1.0F});
  const TensorView out = rig_.zeros(DType::kF32, {1, 2});
  const TensorView weight = rig_.tensor(DType::kF32, {2}, {1.0F, 1.0F});
  ops::add_rms_norm(rig_.context(), {.residual = residual,
                                     .delta = rig_.tensor(DType::kF32, {1, 2}, {0.9F, 2.0F}),
                                     .weight = weight,
                                     .eps = static_cast<float>(kEps),
                                     .out = out,
                                     .tokens = rig_.count(1)});
  EXPECT_EQ(rig_.read(residual), (std::vector<float>{256.0F, 3.0F}));
  EXPECT_LT(relative_error(rig_.read(out), normalised({256.0, 3.0}, {1.0F, 1.0F})), 1e-6);
}

TEST_F(RowOpsTest, GateComesBeforeTheGroupedNorm) {
  const TensorView y = rig_.randoms(DType::kF32, {1, 24});
  const TensorView z = rig_.randoms(DType::kF32, {1, 24});
  const TensorView weight = rig_.randoms(DType::kF32, {24});
  const TensorView out = rig_.zeros(DType::kF32, {1, 24});
  ops::gated_group_norm(rig_.context(), {.y = y,
                                         .z = z,
                                         .weight = weight,
                                         .groups = 3,
                                         .eps = static_cast<float>(kEps),
                                         .out = out,
                                         .tokens = rig_.count(1)});
  std::vector<double> want;
  for (size_t group = 0; group < 3; ++group) {
    std::vector<double> row;
    for (size_t i = group * 8; i < group * 8 + 8; ++i) {
      const double gate = rig_.read(z)[i];
      row.push_back(rig_.read(y)[i] * gate / (1.0 + std::exp(-gate)));
    }
    const std::vector<double> part = normalised(row, rig_.read(weight), group * 8);
    want.insert(want.end(), part.begin(), part.end());
  }
  EXPECT_LT(relative_error(rig_.read(out), want), 1e-6);
}

TEST_F(RowOpsTest, Relu2SquaresWhatIsPositiveAndKeepsNaN) {
  const TensorView x = rig_.tensor(DType::kF32, {1, 4}, {-2.0F, 0.0F, 3.0F, std::nanf("")});
  ops::relu2(rig_.context(), {.x = x, .out = x, .tokens = rig_.count(1), .rows_per_token = 1});
  const std::vector<float> out = rig_.read(x);
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 3), (std::vector<float>{0, 0, 9}));
  EXPECT_TRUE(std::isnan(out[3]));
}

TEST_F(RowOpsTest, JoinedColumnsAreTheVocabularyInOrder) {
  // Five columns over two ranks: three and two, the second part padded.
  const TensorView parts =
      rig_.tensor(DType::kF32, {2, 2, 3}, {0, 1, 2, 10, 11, 12, 3, 4, -1, 13, 14, -1});
  const TensorView out = rig_.zeros(DType::kF32, {2, 5});
  ops::join_columns(rig_.context(), {.parts = parts, .out = out, .count = rig_.count(2)});
  EXPECT_EQ(rig_.read(out), (std::vector<float>{0, 1, 2, 3, 4, 10, 11, 12, 13, 14}));
}

TEST_F(RowOpsTest, ConcatenationPutsLeftFirst) {
  const TensorView out = rig_.zeros(DType::kF32, {2, 3});
  ops::concat_columns(rig_.context(), {.left = rig_.tensor(DType::kBF16, {2, 1}, {1, 4}),
                                       .right = rig_.tensor(DType::kF32, {2, 2}, {2, 3, 5, 6}),
                                       .out = out,
                                       .tokens = rig_.count(2)});
  EXPECT_EQ(rig_.read(out), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

using RowOpsDeathTest = RowOpsTest;

TEST_F(RowOpsDeathTest, ShapesThatDisagreeAbortAndNameTheOp) {
  const RmsNormArgs args{.x = rig_.zeros(DType::kF32, {2, 8}),
                         .weight = rig_.zeros(DType::kF32, {7}),
                         .eps = 1e-5F,
                         .out = rig_.zeros(DType::kF32, {2, 8}),
                         .tokens = rig_.count(2)};
  EXPECT_DEATH(ops::rms_norm(rig_.context(), args), "rms_norm: H is 7 here and 8 there");
}

}  // namespace
}  // namespace dak
