#include "dakkar/weights/shard.h"

#include <algorithm>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/weights/family_configs.h"
#include "dakkar/weights/tiny_config.h"

namespace dak {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A matrix whose bytes all differ from their neighbours, in any format.
class Pattern final {
 public:
  Pattern(QuantFormat format, int64_t rows, int64_t columns)
      : values_(rows * row_bytes(format, columns)), scales_(rows * columns / kNvfp4Block + 1) {
    fill(values_, 7);
    fill(scales_, 11);
    view_ = {
        .format = format, .rows = rows, .columns = columns, .scale = 0.25F, .input_scale = 2.0F};
    const DType dtype = format == QuantFormat::kNvfp4 ? DType::kU8
                        : format == QuantFormat::kFp8 ? DType::kF8E4M3
                                                      : DType::kBF16;
    const int64_t width = format == QuantFormat::kNvfp4 ? columns / 2 : columns;
    view_.values = TensorView::dense(values_.data(), dtype, {rows, width});
    if (format == QuantFormat::kNvfp4) {
      view_.block_scales =
          TensorView::dense(scales_.data(), DType::kF8E4M3, {rows, columns / kNvfp4Block});
    }
  }
  [[nodiscard]] const QuantView& view() const { return view_; }

 private:
  static int64_t row_bytes(QuantFormat format, int64_t columns) {
    return format == QuantFormat::kNvfp4 ? columns / 2
           : format == QuantFormat::kFp8 ? columns
                                         : columns * 2;
  }
  static void fill(Buffer& buffer, uint32_t seed) {
    for (int64_t i = 0; i < buffer.size(); ++i) {
      seed = seed * 1664525U + 1013904223U;
      buffer.data()[i] = static_cast<std::byte>(seed >> 24U);
    }
  }

  Buffer values_;
  Buffer scales_;
  QuantView view_;
};

/// The code of one value and the scale of its block, as one number.
int code_at(const QuantView& view, int64_t row, int64_t column) {
  const std::byte* row_start =
      view.values.data + row * view.values.stride(0) * size_of(view.values.dtype);
  if (view.format == QuantFormat::kNvfp4) {
    const auto byte = static_cast<int>(row_start[column / 2]);
    const int nibble = column % 2 == 0 ? byte & 15 : byte >> 4;
    const std::byte scale =
        view.block_scales.data[row * view.block_scales.stride(0) + column / kNvfp4Block];
    return nibble | static_cast<int>(scale) << 4;
  }
  if (view.format == QuantFormat::kFp8) {
    return static_cast<int>(row_start[column]);
  }
  return reinterpret_cast<const uint16_t*>(row_start)[column];
}

void expect_equals_slice(const QuantView& part, const QuantView& whole, const Slice& slice) {
  ASSERT_EQ(part.rows, slice.row_count());
  ASSERT_EQ(part.columns, slice.columns.size());
  int64_t row = 0;
  for (const Range& range : slice.rows) {
    for (int64_t from = range.begin; from < range.end; ++from, ++row) {
      for (int64_t column = 0; column < part.columns; ++column) {
        ASSERT_EQ(code_at(part, row, column), code_at(whole, from, slice.columns.begin + column));
      }
    }
  }
}

class CutTest : public testing::TestWithParam<QuantFormat> {};

TEST_P(CutTest, CopiesRowsAndColumnsInTheirStorageFormat) {
  const Pattern whole(GetParam(), 10, 96);
  const Slice slices[] = {{{{0, 10}}, {0, 96}},
                          {{{2, 4}, {7, 8}}, {0, 96}},
                          {{{0, 10}}, {32, 80}},
                          {{{9, 10}, {0, 3}}, {80, 96}}};
  for (const Slice& slice : slices) {
    const QuantTensor part = cut(whole.view(), slice);
    expect_equals_slice(part.view(), whole.view(), slice);
    EXPECT_EQ(part.view().scale, 0.25F);
    EXPECT_EQ(part.view().input_scale, 2.0F);
  }
}

TEST_P(CutTest, ARankWithoutAPartGetsNothing) {
  const Pattern whole(GetParam(), 4, 32);
  EXPECT_TRUE(cut(whole.view(), {{{2, 2}}, {0, 32}}).view().empty());
  const QuantTensor none = cut(whole.view(), {{{0, 4}}, {32, 32}});
  EXPECT_TRUE(none.view().empty());
  EXPECT_EQ(none.view().rows, 4);
  EXPECT_EQ(none.view().bytes(), 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, CutTest,
                         testing::Values(QuantFormat::kBF16, QuantFormat::kFp8,
                                         QuantFormat::kNvfp4),
                         [](const auto& test) { return std::string(name_of(test.param)); });

TEST(CutTest, FloatsKeepRowsOfTheirOwnWidth) {
  std::vector<float> whole(12);
  std::iota(whole.begin(), whole.end(), 0.0F);
  EXPECT_THAT(cut(whole, 3, {{{3, 4}, {1, 2}}, {0, 3}}), ElementsAre(9, 10, 11, 3, 4, 5));
}

TEST(InnerRangeTest, BlocksOf16AreDealtAsEvenlyAsPossible) {
  // Nano's 1856 = 116 blocks: eight ranks get 15 or 14.
  EXPECT_EQ(inner_range(1856, {8, 0}).size(), 240);
  EXPECT_EQ(inner_range(1856, {8, 7}).size(), 224);
  EXPECT_EQ(inner_range(1856, {8, 7}).end, 1856);
  EXPECT_EQ(inner_range(5120, {8, 3}), (Range{1920, 2560}));
}

TEST(InnerRangeTest, RanksCoverEveryWidthOnceAtEveryTp) {
  for (int64_t width = 0; width <= 200; ++width) {
    for (int64_t tp = 1; tp <= 9; ++tp) {
      int64_t at = 0;
      for (int64_t rank = 0; rank < tp; ++rank) {
        const Range range = inner_range(width, {tp, rank});
        ASSERT_EQ(range.begin, at);
        ASSERT_TRUE(range.end == width || range.end % 16 == 0);
        at = range.end;
      }
      ASSERT_EQ(at, width);
    }
  }
}

/// How many ranks hold each element of a tensor of the table, in row-major order.
std::vector<int> holders(const TensorSpec& spec, const ModelConfig& config, int64_t tp) {
  const int64_t columns = spec.elements() / spec.shape[0];
  std::vector<int> count(static_cast<size_t>(spec.elements()));
  for (int64_t rank = 0; rank < tp; ++rank) {
    const Slice slice = slice_of(spec, config, {tp, rank});
    for (const Range& rows : slice.rows) {
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const auto begin = count.begin() + row * columns;
        std::for_each(begin + slice.columns.begin, begin + slice.columns.end,
                      [](int& held) { ++held; });
      }
    }
  }
  return count;
}

/// Without experts dealt whole.
bool is_held_by_all(const TensorSpec& spec) {
  return spec.rule == ShardRule::kReplicate || spec.rule == ShardRule::kLatentColumns;
}

TEST(SliceTest, RanksTogetherHoldEverySplitElementOnce) {
  const ModelConfig config = tiny_config();
  for (const TensorSpec& spec : tensor_table(config)) {
    const int expected = is_held_by_all(spec) ? 2 : 1;
    EXPECT_THAT(holders(spec, config, 2), testing::Each(expected)) << spec.name;
  }
}

TEST(SliceTest, DealtExpertsStayWholeAndTheirLatentsAreCut) {
  const ModelConfig config = tiny_config();
  const Shard shard = shard_of({.tp = 2, .dp = 2, .ep = 4}, 3);
  EXPECT_EQ(shard.rank, 1);
  EXPECT_EQ(expert_range(10, shard), (Range{8, 10}));
  EXPECT_EQ(expert_range(10, {.tp = 2, .rank = 1}), (Range{0, 10}));
  EXPECT_EQ(local_config(config, shard).moe.inner, config.moe.inner);
  for (const TensorSpec& spec : tensor_table(config)) {
    const Slice slice = slice_of(spec, config, shard);
    if (spec.rule == ShardRule::kExpertRows || spec.rule == ShardRule::kExpertColumns) {
      EXPECT_EQ(slice.row_count(), spec.shape.front()) << spec.name;
      EXPECT_EQ(slice.columns.size(), spec.shape.back()) << spec.name;
    } else if (spec.rule == ShardRule::kLatentColumns) {
      EXPECT_EQ(slice.columns, inner_range(config.moe.latent, shard)) << spec.name;
    }
  }
}

TEST(SliceTest, RanksThatShareAKvHeadSplitItsTokensIfAPageDivides) {
  AttentionConfig attention;
  attention.kv_heads = 2;
  EXPECT_EQ(kv_parts(attention, {.tp = 2}), 1);
  EXPECT_EQ(kv_parts(attention, {.tp = 4}), 2);
  EXPECT_EQ(kv_parts(attention, {.tp = 8}), 4);
  EXPECT_EQ(kv_parts(attention, {.tp = 6}), 1) << "thirds of 128 tokens do not exist";
  attention.kv_heads = 8;
  EXPECT_EQ(kv_parts(attention, {.tp = 4}), 1);
}

TEST(SliceTest, KvHeadsAreCopiedWhereRanksOutnumberThem) {
  const ModelConfig config = tiny_config();
  for (const TensorSpec& spec : tensor_table(config)) {
    const int expected = is_held_by_all(spec) ? 4 : spec.rule == ShardRule::kKvRows ? 2 : 1;
    EXPECT_THAT(holders(spec, config, 4), testing::Each(expected)) << spec.name;
  }
  EXPECT_EQ(kv_heads(config.attention, {4, 1}), (Range{0, 1}));
  EXPECT_EQ(kv_heads(config.attention, {4, 2}), (Range{1, 2}));
}

TEST(SliceTest, InProjIsCutInsideEachSegment) {
  const ModelConfig config = tiny_config();
  const TensorSpec spec = {.name = "in_proj.weight",
                           .shape = {config.mamba.in_proj_rows(), config.hidden},
                           .role = TensorRole::kLinear,
                           .rule = ShardRule::kInProjRows};
  // Segments: z 0..128, x 128..256, B 256..320, C 320..384, dt 384..392.
  EXPECT_THAT(slice_of(spec, config, {2, 1}).rows,
              ElementsAre(Range{64, 128}, Range{192, 256}, Range{288, 320}, Range{352, 384},
                          Range{388, 392}));
}

class SliceSizeTest : public testing::TestWithParam<std::pair<int64_t, int64_t>> {};

TEST_P(SliceSizeTest, TheSliceHasTheSizesOfTheRanksOwnConfig) {
  const Shard shard = {GetParam().first, GetParam().second};
  const ModelConfig config = tiny_config();
  const auto whole = tensor_table(config);
  const auto local = tensor_table(local_config(config, shard));
  ASSERT_EQ(whole.size(), local.size());
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i].rule == ShardRule::kVocabRows) {
      continue;
    }
    const Slice slice = slice_of(whole[i], config, shard);
    EXPECT_EQ(slice.row_count(), local[i].shape[0]) << whole[i].name;
    EXPECT_EQ(slice.row_count() * slice.columns.size(), local[i].elements()) << whole[i].name;
  }
}

INSTANTIATE_TEST_SUITE_P(Ranks, SliceSizeTest,
                         testing::Values(std::pair(1, 0), std::pair(2, 0), std::pair(2, 1),
                                         std::pair(4, 0), std::pair(4, 1), std::pair(4, 3)));

TEST(CheckShardTest, SaysWhichSizeIsInTheWay) {
  const ModelConfig ultra = ModelConfig::parse(family::ultra(), "ultra").value();
  for (const int64_t tp : {1, 2, 4, 8}) {
    EXPECT_TRUE(check_shard(ultra, {tp, tp - 1}).has_value());
  }
  EXPECT_THAT(check_shard(ultra, {3, 0}).error().message, HasSubstr("8 Mamba groups"));
  EXPECT_THAT(check_shard(ultra, {16, 0}).error().message, HasSubstr("8 Mamba groups"));
  EXPECT_THAT(check_shard(ultra, {2, 2}).error().message, HasSubstr("rank 2 of 2"));
  ModelConfig few = tiny_config();
  few.attention.query_heads = 6;
  few.attention.kv_heads = 6;
  EXPECT_THAT(check_shard(few, {4, 0}).error().message, HasSubstr("6 attention heads"));
}

}  // namespace
}  // namespace dak
