#include "dakkar/tensor/quant_encoder.h"

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dak {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

struct Encoded {
  std::vector<uint8_t> values;
  std::vector<F8E4M3> scales;
  double error = 0.0;
};

Encoded encoded(const std::vector<float>& values, float scale,
                Nvfp4Grids grids = Nvfp4Grids::kFourOrSix) {
  Encoded out;
  out.values.resize(values.size() / 2);
  out.scales.resize(values.size() / 16);
  out.error =
      encode_nvfp4(values, scale, grids, {.values = out.values, .block_scales = out.scales});
  return out;
}

std::vector<float> decoded(const Encoded& from, float scale) {
  std::vector<float> out;
  for (size_t i = 0; i < from.values.size(); ++i) {
    const float block = to_float(from.scales[i / 8]);
    out.push_back(e2m1_value(from.values[i]) * block * scale);
    out.push_back(e2m1_value(static_cast<uint8_t>(from.values[i] >> 4)) * block * scale);
  }
  return out;
}

/// Blocks of very different sizes and shapes, as weights and outliers are.
std::vector<float> random_values(size_t count, uint32_t seed) {
  std::mt19937 draw(seed);
  std::normal_distribution<float> normal;
  std::student_t_distribution<float> heavy(2.0F);
  std::vector<float> values;
  float spread = 1.0F;
  for (size_t i = 0; i < count; ++i) {
    if (i % 16 == 0) {
      spread = std::exp(2.0F * normal(draw));
    }
    values.push_back(spread * (i % 32 < 16 ? normal(draw) : heavy(draw)));
  }
  return values;
}

double squared_error(const std::vector<float>& a, const std::vector<float>& b, size_t begin) {
  double sum = 0.0;
  for (size_t i = begin; i < begin + 16; ++i) {
    const double miss = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += miss * miss;
  }
  return sum;
}

TEST(QuantEncoderTest, EveryE2m1ValueKeepsItsCode) {
  std::vector<float> values;
  for (uint8_t code = 0; code < 16; ++code) {
    values.push_back(code == 8 ? 0.0F : e2m1_value(code));
  }
  const Encoded out = encoded(values, 1.0F);
  EXPECT_THAT(out.values, ElementsAre(0x10, 0x32, 0x54, 0x76, 0x90, 0xba, 0xdc, 0xfe));
  EXPECT_EQ(to_float(out.scales[0]), 1.0F);
  EXPECT_EQ(out.error, 0.0);
}

TEST(QuantEncoderTest, BordersBetweenCodesGoToTheEvenOne) {
  const std::vector<float> values = {0.25F,  0.75F,  1.25F,  1.75F,  2.5F,  3.5F,  5.0F,  6.0F,
                                     -0.25F, -0.75F, -1.25F, -1.75F, -2.5F, -3.5F, -5.0F, 0.0F};
  const std::vector<float> out = decoded(encoded(values, 1.0F, Nvfp4Grids::kSix), 1.0F);
  EXPECT_THAT(out, ElementsAreArray({0.0F, 1.0F, 1.0F, 2.0F, 2.0F, 4.0F, 4.0F, 6.0F, 0.0F, -1.0F,
                                     -1.0F, -2.0F, -2.0F, -4.0F, -4.0F, 0.0F}));
}

TEST(QuantEncoderTest, BlockWithManyValuesNearItsTopTakesTheFourGrid) {
  // On the 6-grid 5 falls between 4 and 6; on the 4-grid 6 and 4.5 are steps.
  std::vector<float> values(16, 4.5F);
  values[0] = 6.0F;
  const Encoded six = encoded(values, 1.0F, Nvfp4Grids::kSix);
  const Encoded best = encoded(values, 1.0F);
  EXPECT_EQ(to_float(six.scales[0]), 1.0F);
  EXPECT_EQ(to_float(best.scales[0]), 1.5F);
  EXPECT_EQ(best.error, 0.0);
}

TEST(QuantEncoderTest, FourOverSixIsNeverWorseThanSixAlone) {
  const std::vector<float> values = random_values(size_t{16} * 4096, 5);
  const float scale = nvfp4_scale(largest_magnitude(values));
  const Encoded six = encoded(values, scale, Nvfp4Grids::kSix);
  const Encoded best = encoded(values, scale);
  const std::vector<float> six_values = decoded(six, scale);
  const std::vector<float> best_values = decoded(best, scale);
  int better = 0;
  for (size_t begin = 0; begin < values.size(); begin += 16) {
    const double six_error = squared_error(values, six_values, begin);
    const double best_error = squared_error(values, best_values, begin);
    ASSERT_LE(best_error, six_error) << "block " << begin / 16;
    better += best_error < six_error ? 1 : 0;
  }
  EXPECT_GT(better, 1000);
  EXPECT_LT(best.error, six.error);
}

TEST(QuantEncoderTest, ReportedErrorIsThatOfTheDecodedValues) {
  const std::vector<float> values = random_values(size_t{16} * 64, 6);
  const float scale = nvfp4_scale(largest_magnitude(values));
  const Encoded out = encoded(values, scale);
  const std::vector<float> back = decoded(out, scale);
  double sum = 0.0;
  for (size_t begin = 0; begin < values.size(); begin += 16) {
    sum += squared_error(values, back, begin);
  }
  EXPECT_NEAR(out.error, sum, 1e-12 * sum);
}

TEST(QuantEncoderTest, LargestValueOfATensorIsKeptOnBothGrids) {
  std::vector<float> values(32, 0.0F);
  values[0] = 3.0F;  // alone in its block: 6 * 256 * scale
  for (size_t i = 16; i < 32; ++i) {
    values[i] = i == 16 ? 3.0F : 2.25F;  // best on the 4-grid, whose block scale is 384
  }
  const float scale = nvfp4_scale(3.0F);
  const Encoded out = encoded(values, scale);
  EXPECT_EQ(to_float(out.scales[0]), 256.0F);
  EXPECT_EQ(to_float(out.scales[1]), 384.0F);
  EXPECT_FLOAT_EQ(decoded(out, scale)[16], 3.0F);
}

TEST(QuantEncoderTest, ZerosAndTinyBlocksDecodeToFiniteValues) {
  std::vector<float> values(32, 0.0F);
  values[16] = 1e-30F;
  const Encoded out = encoded(values, 1.0F);
  EXPECT_EQ(to_float(out.scales[0]), 1.0F);
  EXPECT_EQ(to_float(out.scales[1]), 0x1p-9F);
  EXPECT_EQ(decoded(out, 1.0F), std::vector<float>(32, 0.0F));
}

TEST(QuantEncoderTest, Fp8SpansItsWholeRange) {
  const std::vector<float> values = {-2.0F, 1.0F, 0.0F, 0.125F};
  const float scale = fp8_scale(largest_magnitude(values));
  std::vector<F8E4M3> codes(values.size());
  const double error = encode_fp8(values, scale, codes);
  EXPECT_EQ(to_float(codes[0]), -448.0F);
  EXPECT_EQ(to_float(codes[1]), 224.0F);
  EXPECT_EQ(to_float(codes[2]), 0.0F);
  EXPECT_NEAR(error, 0.0, 1e-12);
}

TEST(QuantEncoderTest, ScalesOfZerosAreOne) {
  EXPECT_EQ(fp8_scale(0.0F), 1.0F);
  EXPECT_EQ(nvfp4_scale(0.0F), 1.0F);
  EXPECT_EQ(nvfp4_input_scale(0.0F), 1.0F);
}

TEST(QuantEncoderTest, LargestMagnitudeShowsValuesThatAreNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> infinite = {1.0F, -infinity};
  const std::vector<float> undefined = {infinity, std::nanf(""), 2.0F};
  EXPECT_EQ(largest_magnitude(infinite), infinity);
  EXPECT_TRUE(std::isnan(largest_magnitude(undefined)));
}

}  // namespace
}  // namespace dak
