#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using testing::fresh_seed;
using testing::OpRig;
using testing::relative_error;

constexpr int64_t kHeads = 6;
constexpr int64_t kKvHeads = 2;
constexpr int64_t kHeadDim = 16;
constexpr int64_t kLength = 300;

/// One sequence's queries, keys and values, attended in any pieces.
class AttentionTest : public ::testing::Test {
 protected:
  struct Outputs {
    std::vector<float> out;
    std::vector<float> lse;
  };

  /// Pages of three times 128 tokens, out of order, for one sequence.
  PagedKv pages(DType dtype) {
    const int64_t page = 2 * kChunkTokens * kKvHeads * kHeadDim * size_of(dtype);
    return {.arena = rig_.bytes(3 * page),
            .page_table = rig_.array(std::vector<int64_t>{2 * page, 0, page}),
            .max_pages = 3,
            .layer_offset = 0,
            .dtype = dtype,
            .k_scale = 0.01F,
            .v_scale = 0.02F};
  }

  Outputs attend(const PagedKv& kv, const std::vector<int32_t>& pieces) {
    Outputs outputs;
    int32_t position = 0;
    for (const int32_t tokens : pieces) {
      const SequenceTable table =
          rig_.table({{.slot = 0, .position = position, .tokens = tokens}}, 0, rig_.headers(1));
      const DeviceCount count = rig_.count(tokens);
      const TensorView out = rig_.zeros(DType::kF32, {tokens, kHeads, kHeadDim});
      const TensorView lse = rig_.zeros(DType::kF32, {tokens, kHeads});
      ops::kv_write(rig_.context(), {.k = k_.rows(position, tokens),
                                     .v = v_.rows(position, tokens),
                                     .kv = kv,
                                     .table = table,
                                     .tokens = count});
      ops::attention(rig_.context(), {.q = q_.rows(position, tokens),
                                      .kv = kv,
                                      .kv_heads = kKvHeads,
                                      .scale = kScale,
                                      .out = out,
                                      .lse = lse,
                                      .table = table,
                                      .tokens = count});
      const std::vector<float> rows = rig_.read(out);
      const std::vector<float> sums = rig_.read(lse);
      outputs.out.insert(outputs.out.end(), rows.begin(), rows.end());
      outputs.lse.insert(outputs.lse.end(), sums.begin(), sums.end());
      position += tokens;
    }
    return outputs;
  }

  /// Softmax attention in double over stored keys and values.
  void expect_attention(const Outputs& got, const std::vector<float>& k,
                        const std::vector<float>& v) {
    const std::vector<float> q = rig_.read(q_);
    std::vector<double> out;
    std::vector<double> lse;
    for (int64_t t = 0; t < kLength; ++t) {
      for (int64_t head = 0; head < kHeads; ++head) {
        const int64_t kv_head = head / (kHeads / kKvHeads);
        double sum = 0.0;
        std::vector<double> mixed(kHeadDim, 0.0);
        for (int64_t p = 0; p <= t; ++p) {
          double score = 0.0;
          for (int64_t d = 0; d < kHeadDim; ++d) {
            score += double{q[static_cast<size_t>((t * kHeads + head) * kHeadDim + d)]} *
                     k[static_cast<size_t>((p * kKvHeads + kv_head) * kHeadDim + d)];
          }
          const double weight = std::exp(score * kScale);
          sum += weight;
          for (int64_t d = 0; d < kHeadDim; ++d) {
            mixed[static_cast<size_t>(d)] +=
                weight * v[static_cast<size_t>((p * kKvHeads + kv_head) * kHeadDim + d)];
          }
        }
        for (const double value : mixed) {
          out.push_back(value / sum);
        }
        lse.push_back(std::log(sum));
      }
    }
    EXPECT_LT(relative_error(got.out, out), 1e-5);
    EXPECT_LT(relative_error(got.lse, lse), 1e-6);
  }

  static constexpr float kScale = 0.25F;
  std::unique_ptr<Backend> backend_ = open_reference().value();
  OpRig rig_{*backend_, fresh_seed()};
  TensorView q_ = rig_.randoms(DType::kF32, {kLength, kHeads, kHeadDim});
  TensorView k_ = rig_.randoms(DType::kF32, {kLength, kKvHeads, kHeadDim});
  TensorView v_ = rig_.randoms(DType::kF32, {kLength, kKvHeads, kHeadDim});
};

TEST_F(AttentionTest, IsSoftmaxOverThePositionsUpToTheQuery) {
  expect_attention(attend(pages(DType::kF32), {kLength}), rig_.read(k_), rig_.read(v_));
}

TEST_F(AttentionTest, ReadsNewKeysBackThroughTheStore) {
  std::vector<float> k = rig_.read(k_);
  std::vector<float> v = rig_.read(v_);
  const PagedKv kv = pages(DType::kF8E4M3);
  for (float& value : k) {
    value = round_f8e4m3(value / kv.k_scale) * kv.k_scale;
  }
  for (float& value : v) {
    value = round_f8e4m3(value / kv.v_scale) * kv.v_scale;
  }
  expect_attention(attend(kv, {kLength}), k, v);
}

TEST_F(AttentionTest, Bf16PagesIgnoreTheScales) {
  std::vector<float> k = rig_.read(k_);
  std::vector<float> v = rig_.read(v_);
  std::transform(k.begin(), k.end(), k.begin(), round_bf16);
  std::transform(v.begin(), v.end(), v.begin(), round_bf16);
  expect_attention(attend(pages(DType::kBF16), {kLength}), k, v);
}

TEST_F(AttentionTest, AnyCutsGiveTheSameBits) {
  const Outputs whole = attend(pages(DType::kBF16), {kLength});
  const Outputs cut = attend(pages(DType::kBF16), {1, 126, 1, 1, 100, 71});
  EXPECT_EQ(cut.out, whole.out);
  EXPECT_EQ(cut.lse, whole.lse);
}

TEST_F(AttentionTest, LargeScoresDoNotOverflow) {
  const std::vector<float> large(kHeads * kHeadDim, 3e3F);
  rig_.write(q_.rows(0, 1), large);
  rig_.write(k_.rows(0, 1), std::vector<float>(kKvHeads * kHeadDim, 3e3F));
  const Outputs got = attend(pages(DType::kF32), {1});
  EXPECT_FLOAT_EQ(got.lse[0], kScale * kHeadDim * 9e6F);
  EXPECT_EQ(got.out[0], rig_.read(v_)[0]);
}

/// The parts' outputs weighed by their shares of the softmax, in double.
std::vector<double> join_parts(const std::vector<std::vector<float>>& outs,
                               const std::vector<std::vector<float>>& lses) {
  std::vector<double> joined(outs.front().size(), 0.0);
  for (size_t row = 0; row < lses.front().size(); ++row) {
    double sum = 0.0;
    for (const std::vector<float>& lse : lses) {
      sum += std::exp(double{lse[row]});
    }
    for (size_t part = 0; part < outs.size(); ++part) {
      for (size_t d = row * kHeadDim; d < (row + 1) * kHeadDim; ++d) {
        joined[d] += std::exp(double{lses[part][row]}) / sum * outs[part][d];
      }
    }
  }
  return joined;
}

TEST_F(AttentionTest, PartsOfTheKeysJoinToTheWhole) {
  const std::vector<float> whole = attend(pages(DType::kF32), {200, 1, 99}).out;
  for (const int64_t parts : {2, 4, 128}) {
    std::vector<std::vector<float>> outs;
    std::vector<std::vector<float>> lses;
    for (int64_t part = 0; part < parts; ++part) {
      PagedKv kv = pages(DType::kF32);
      kv.parts = parts;
      kv.part = part;
      const Outputs mine = attend(kv, {200, 1, 99});
      outs.push_back(mine.out);
      lses.push_back(mine.lse);
    }
    EXPECT_EQ(lses.back().front(), -std::numeric_limits<float>::infinity())
        << "the first query sees no key of the last part";
    EXPECT_LT(relative_error(whole, join_parts(outs, lses)), 1e-6) << parts << " parts";
  }
}

TEST_F(AttentionTest, APartIsWeighedByItsShareAndLaidOutByPart) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  // One token, four heads: shares of part 0 are 1, 1/2, 0 and 3/4.
  const WeighPartArgs args{
      .x = rig_.tensor(DType::kF32, {1, 4, 1}, {5, 6, 0, 8}),
      .lse = rig_.tensor(DType::kF32, {2, 1, 4}, {2, 90, kNone, std::log(3.0F), kNone, 90, 1, 0}),
      .part = 0,
      .out = rig_.zeros(DType::kF32, {2, 1, 2, 1}),
      .tokens = rig_.count(1)};
  ops::weigh_part(rig_.context(), args);
  EXPECT_THAT(rig_.read(args.out), ::testing::ElementsAre(5, 3, 0, ::testing::FloatEq(6)));
}

}  // namespace
}  // namespace dak
