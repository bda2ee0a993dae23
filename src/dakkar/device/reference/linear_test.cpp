#include <cmath>

#include <gtest/gtest.h>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::OpRig;
using testing::relative_error;

/// x * w^T in double, x as it is read by the linear.
std::vector<double> product(const std::vector<float>& x, const std::vector<double>& w, int64_t k) {
  std::vector<double> y;
  const auto width = static_cast<size_t>(k);
  for (size_t t = 0; t < x.size() / width; ++t) {
    for (size_t n = 0; n < w.size() / width; ++n) {
      double sum = 0.0;
      for (size_t i = 0; i < width; ++i) {
        sum += x[t * width + i] * w[n * width + i];
      }
      y.push_back(sum);
    }
  }
  return y;
}

class LinearTest : public ::testing::Test {
 protected:
  std::vector<float> apply(const PackedWeight& weight, const TensorView& x) {
    const TensorView out = rig_.zeros(DType::kF32, {x.dim(0), weight.n});
    ops::linear(rig_.context(), {.x = x,
                                 .weight = &weight,
                                 .out = out,
                                 .accumulate = Accumulate::kNo,
                                 .tokens = rig_.count(x.dim(0))});
    return rig_.read(out);
  }

  std::unique_ptr<Backend> backend_ = open_reference().value();
  OpRig rig_{*backend_, fresh_seed()};
};

TEST_F(LinearTest, EveryFormatMultipliesTheValuesItStandsFor) {
  for (const QuantFormat format :
       {QuantFormat::kF32, QuantFormat::kF16, QuantFormat::kBF16, QuantFormat::kNvfp4}) {
    const QuantTensor raw = testing::random_weight(rig_.random(), format, 37, 64);
    const TensorView x = rig_.randoms(DType::kF32, {11, 64});
    const std::vector<float> y = apply(rig_.pack(raw.view()), x);
    const std::vector<double> want = product(rig_.read(x), testing::values_of(raw.view()), 64);
    EXPECT_LT(relative_error(y, want), 1e-6) << name_of(format);
  }
}

TEST_F(LinearTest, Fp8RoundsActivationsDividedByTheInputScale) {
  const QuantTensor raw = testing::random_weight(rig_.random(), QuantFormat::kFp8, 37, 64);
  // Some activations lie beyond 448 input scales and are clamped.
  const TensorView x = rig_.randoms(DType::kBF16, {11, 64}, {.scale = 3.0F});
  const float scale = raw.view().input_scale.value();
  std::vector<float> seen = rig_.read(x);
  for (float& value : seen) {
    value = scale * round_f8e4m3(value / scale);
  }
  const std::vector<double> want = product(seen, testing::values_of(raw.view()), 64);
  EXPECT_LT(relative_error(apply(rig_.pack(raw.view()), x), want), 1e-6);
}

TEST_F(LinearTest, F32NumericsLeaveFp8ActivationsAlone) {
  const QuantTensor raw = testing::random_weight(rig_.random(), QuantFormat::kFp8, 37, 64);
  const TensorView x = rig_.randoms(DType::kF32, {4, 64});
  const std::vector<double> want = product(rig_.read(x), testing::values_of(raw.view()), 64);
  EXPECT_LT(relative_error(apply(rig_.pack(raw.view(), Numerics::kF32), x), want), 1e-6);
}

TEST_F(LinearTest, LowNibbleIsTheEvenColumn) {
  std::vector<std::byte> codes(8, std::byte{0});
  codes[3] = std::byte{0x2B};
  std::byte block_scale{to_f8e4m3(2.0F).bits};
  QuantView view;
  view.format = QuantFormat::kNvfp4;
  view.rows = 1;
  view.columns = 16;
  view.values = TensorView::dense(codes.data(), DType::kU8, {1, 8});
  view.block_scales = TensorView::dense(&block_scale, DType::kF8E4M3, {1, 1});
  view.scale = 0.5F;
  std::vector<float> identity(16 * 16, 0.0F);
  for (size_t i = 0; i < 16; ++i) {
    identity[i * 17] = 1.0F;
  }
  const std::vector<float> columns =
      apply(rig_.pack(view), rig_.tensor(DType::kF32, {16, 16}, identity));
  EXPECT_EQ(columns[6], -1.5F);
  EXPECT_EQ(columns[7], 1.0F);
  EXPECT_EQ(columns[5], 0.0F);
}

TEST_F(LinearTest, ARowIsTheSameBitsInAnyBatch) {
  for (const QuantFormat format : {QuantFormat::kBF16, QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    const PackedWeight& weight = rig_.weight(format, 37, 64);
    const TensorView x = rig_.randoms(DType::kBF16, {17, 64});
    const std::vector<float> all = apply(weight, x);
    for (int64_t rows = 1; rows < 17; ++rows) {
      const std::vector<float> last = apply(weight, x.rows(17 - rows, rows));
      EXPECT_EQ(last, std::vector<float>(all.end() - rows * 37, all.end()));
    }
  }
}

TEST_F(LinearTest, AWeightWithoutColumnsGivesZerosOrKeepsWhatIsThere) {
  QuantView none;
  none.rows = 3;
  const PackedWeight& weight = rig_.pack(none);
  const TensorView out = rig_.tensor(DType::kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
  LinearArgs args{.x = rig_.zeros(DType::kF32, {2, 0}),
                  .weight = &weight,
                  .out = out,
                  .accumulate = Accumulate::kYes,
                  .tokens = rig_.count(2)};
  ops::linear(rig_.context(), args);
  EXPECT_EQ(rig_.read(out), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  args.accumulate = Accumulate::kNo;
  ops::linear(rig_.context(), args);
  EXPECT_EQ(rig_.read(out), std::vector<float>(6, 0.0F));
}

TEST_F(LinearTest, ScalesThatAreNoNumbersAreRefused) {
  const QuantTensor raw = testing::random_weight(rig_.random(), QuantFormat::kFp8, 4, 16);
  QuantView view = raw.view();
  view.input_scale = 0.0F;
  EXPECT_EQ(backend_->pack(view, Numerics::kShipped).error().message, "input scale is 0");
  view.input_scale = 1.0F;
  view.scale = std::nanf("");
  EXPECT_EQ(backend_->pack(view, Numerics::kShipped).error().message, "weight scale is nan");
}

TEST_F(LinearTest, ShapesThatContradictTheFormatAreRefused) {
  const QuantTensor raw = testing::random_weight(rig_.random(), QuantFormat::kNvfp4, 4, 32);
  QuantView view = raw.view();
  view.block_scales = view.block_scales.columns(0, 1);
  EXPECT_FALSE(backend_->pack(view, Numerics::kShipped).has_value());
  view = raw.view();
  view.columns = 24;
  EXPECT_FALSE(backend_->pack(view, Numerics::kShipped).has_value());
}

}  // namespace
}  // namespace dak
