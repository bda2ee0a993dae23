#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "dakkar/tensor/buffer.h"
#include "dakkar/tensor/dims.h"
#include "dakkar/tensor/float_formats.h"
#include "dakkar/tensor/page_pool.h"
#include "dakkar/tensor/workspace.h"

namespace dak {
namespace {

TEST(FloatFormatsTest, EveryFiniteF16SurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const F16 value{static_cast<uint16_t>(bits)};
    const float wide = to_float(value);
    if (!std::isnan(wide)) {
      EXPECT_EQ(to_f16(wide).bits, bits);
    }
  }
}

TEST(FloatFormatsTest, EveryFiniteE4M3SurvivesARoundTrip) {
  for (uint32_t bits = 0; bits < 0x100U; ++bits) {
    const float wide = to_float(F8E4M3{static_cast<uint8_t>(bits)});
    if (!std::isnan(wide)) {
      EXPECT_EQ(to_f8e4m3(wide).bits, bits);
    }
  }
  EXPECT_EQ(to_float(F8E4M3{0x7e}), 448.0F);
}

TEST(FloatFormatsTest, TiesGoToTheEvenCode) {
  EXPECT_EQ(to_float(to_f8e4m3(17.0F)), 16.0F);
  EXPECT_EQ(to_float(to_f8e4m3(19.0F)), 20.0F);
  EXPECT_EQ(to_float(to_f8e4m3(0x1p-10F)), 0.0F);
  EXPECT_EQ(to_float(to_f8e4m3(0x3p-10F)), 0x1p-8F);
  EXPECT_EQ(to_f16(1.0F + 0x1p-11F).bits, 0x3c00);
  EXPECT_EQ(to_f16(1.0F + 0x3p-11F).bits, 0x3c02);
  EXPECT_EQ(to_bf16(1.0F + 0x1p-8F).bits, 0x3f80);
  EXPECT_EQ(to_bf16(1.0F + 0x3p-8F).bits, 0x3f82);
}

TEST(FloatFormatsTest, OverflowSaturatesInE4M3AndIsInfinityInF16) {
  EXPECT_EQ(to_float(to_f8e4m3(1e9F)), 448.0F);
  EXPECT_EQ(to_float(to_f8e4m3(-std::numeric_limits<float>::infinity())), -448.0F);
  EXPECT_EQ(to_f16(65519.0F).bits, 0x7bff);
  EXPECT_EQ(to_f16(65520.0F).bits, 0x7c00);
}

TEST(FloatFormatsTest, E2M1CodesAreThoseOfTheFormat) {
  EXPECT_EQ(e2m1_value(0xb), -1.5F);
  EXPECT_EQ(e2m1_value(0x2), 1.0F);
  EXPECT_EQ(e2m1_value(0x7), 6.0F);
}

TEST(TensorViewTest, ColumnsKeepTheRowStride) {
  Buffer buffer(4 * 6 * 4);
  const TensorView whole = TensorView::dense(buffer.data(), DType::kF32, {4, 6});
  const TensorView part = whole.rows(1, 2).columns(2, 3);
  EXPECT_EQ(part.dim(0), 2);
  EXPECT_EQ(part.dim(1), 3);
  EXPECT_EQ(part.stride(0), 6);
  EXPECT_EQ(part.data - whole.data, (6 + 2) * 4);
  EXPECT_FALSE(part.is_dense());
}

TEST(DimsDeathTest, NamesTheLetterThatDisagrees) {
  Buffer buffer(64);
  const TensorView a = TensorView::dense(buffer.data(), DType::kF32, {2, 3});
  const TensorView b = TensorView::dense(buffer.data(), DType::kF32, {4});
  EXPECT_DEATH(Dims("op").bind("T H", a).bind("H", b), "op: H is 4 here and 3 there");
}

TEST(WorkspaceTest, ScopeGivesBackWhatItTook) {
  Workspace measure = Workspace::measuring();
  {
    Workspace::Scope scope(measure);
    (void)measure.take(DType::kF32, {100});
    (void)measure.take(DType::kBF16, {3});
  }
  EXPECT_EQ(measure.used(), 0);
  EXPECT_EQ(measure.peak(), 512 + 256);
}

TEST(PagePoolTest, BuffersAreZeroedAlignedAndOutliveThePool) {
  constexpr int64_t kSizes[] = {1, 100, 3 << 20, 5, 90 << 20, 60 << 20, 60 << 20, 60 << 20};
  std::vector<Buffer> buffers;
  {
    PagePool pool;
    EXPECT_TRUE(pool.take(0).empty());
    for (const int64_t size : kSizes) {
      buffers.push_back(pool.take(size));
    }
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    std::byte* data = buffers[i].data();
    const int64_t size = buffers[i].size();
    EXPECT_EQ(size, kSizes[i]);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0U);
    for (const int64_t at : {int64_t{0}, size / 2, size - 1}) {
      EXPECT_EQ(data[at], std::byte{0}) << "buffer " << i << " at " << at;
    }
    data[0] = data[size / 2] = data[size - 1] = static_cast<std::byte>(i + 1);
  }
  for (size_t i = 0; i < buffers.size(); ++i) {
    for (const int64_t at : {int64_t{0}, buffers[i].size() / 2, buffers[i].size() - 1}) {
      EXPECT_EQ(buffers[i].data()[at], static_cast<std::byte>(i + 1));
    }
    buffers[i] = Buffer();
  }
}

TEST(PagePoolTest, SmallBuffersLieSideBySide) {
  PagePool pool;
  const Buffer first = pool.take(100);
  const Buffer second = pool.take(3 << 20);
  EXPECT_EQ(second.data() - first.data(), 128);
}

}  // namespace
}  // namespace dak
