#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "dakkar/device/cpu/open_cpu.h"
#include "dakkar/device/ops_attention.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using cpu::InstructionSet;
using testing::OpRig;
using testing::StepSequence;

constexpr int64_t kKvHeads = 2;
constexpr int32_t kLength = 200;
constexpr int64_t kPages = 2;

/// Query heads and widths that fill tiles and vectors, and that leave tails.
struct Shape {
  int64_t heads = 0;
  int64_t width = 0;
  DType activation = DType::kF32;  ///< of queries and outputs
};
constexpr Shape kShapes[] = {{.heads = 2, .width = 16},
                             {.heads = 10, .width = 20},
                             {.heads = 16, .width = 128},
                             {.heads = 6, .width = 32, .activation = DType::kBF16},
                             {.heads = 4, .width = 128, .activation = DType::kBF16},
                             {.heads = 14, .width = 128, .activation = DType::kBF16},
                             {.heads = 32, .width = 32, .activation = DType::kBF16},
                             {.heads = 34, .width = 32, .activation = DType::kBF16}};

/// Weights that are rounded to bf16, and outputs that are too, may differ by that.
double tolerance_of(const Shape& shape) {
  return shape.activation == DType::kBF16 ? 0x1p-8 : 2e-6;
}

/// Two sequences' queries, keys and values on one backend, attended in any pieces.
class Attended {
 public:
  Attended(const Backend& backend, const Shape& shape, DType dtype, uint64_t seed)
      : rig_(backend, seed), shape_(shape) {
    for (TensorView& view : q_) {
      view = rig_.randoms(shape.activation, {kLength, shape.heads, shape.width});
    }
    const int64_t page = 2 * kChunkTokens * kKvHeads * shape.width * size_of(dtype);
    kv_ = {.arena = rig_.bytes(2 * kPages * page),
           .page_table = rig_.array(std::vector<int64_t>{2 * page, 0, page, 3 * page}),
           .max_pages = kPages,
           .layer_offset = 0,
           .dtype = dtype,
           .k_scale = 0.01F,
           .v_scale = 0.02F};
    const SequenceTable table = rig_.table({{.slot = 0, .position = 0, .tokens = kLength},
                                            {.slot = 1, .position = 0, .tokens = kLength}},
                                           0, rig_.headers(2));
    k_ = rig_.randoms(DType::kF32, {2 * kLength, kKvHeads, shape.width});
    v_ = rig_.randoms(DType::kF32, {2 * kLength, kKvHeads, shape.width});
    ops::kv_write(rig_.context(),
                  {.k = k_, .v = v_, .kv = kv_, .table = table, .tokens = rig_.count(2 * kLength)});
  }

  /// Outputs, then log-sum-exps, of queries `position ..` of the first sequence.
  std::vector<float> attend(int32_t position, int32_t tokens) {
    return attend({{.slot = 0, .position = position, .tokens = tokens}},
                  q_[0].rows(position, tokens));
  }

  /// As above for one token of the first sequence, with the second beside it in the step.
  std::vector<float> attend_beside(int32_t position, int32_t other) {
    const TensorView both = rig_.zeros(shape_.activation, {2, shape_.heads, shape_.width});
    std::vector<float> queries = rig_.read(q_[0].rows(position, 1));
    const std::vector<float> others = rig_.read(q_[1].rows(other, 1));
    queries.insert(queries.end(), others.begin(), others.end());
    rig_.write(both, queries);
    std::vector<float> got = attend({{.slot = 0, .position = position, .tokens = 1},
                                     {.slot = 1, .position = other, .tokens = 1}},
                                    both);
    const auto row = static_cast<size_t>(shape_.heads * shape_.width);
    std::vector<float> first(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(row));
    const auto lse = got.begin() + static_cast<std::ptrdiff_t>(2 * row);
    first.insert(first.end(), lse, lse + shape_.heads);
    return first;
  }

  /// Makes a value of the first sequence's key at `position` a NaN.
  void spoil(int32_t position) {
    const TensorView k =
        rig_.tensor(DType::kF32, {1, kKvHeads, shape_.width},
                    std::vector<float>(static_cast<size_t>(kKvHeads * shape_.width),
                                       std::numeric_limits<float>::quiet_NaN()));
    ops::kv_write(
        rig_.context(),
        {.k = k,
         .v = k,
         .kv = kv_,
         .table = rig_.table({{.slot = 0, .position = position, .tokens = 1}}, 0, rig_.headers(1)),
         .tokens = rig_.count(1)});
  }

 private:
  std::vector<float> attend(const std::vector<StepSequence>& step, const TensorView& q) {
    const int64_t tokens = q.dim(0);
    const TensorView out = rig_.zeros(shape_.activation, {tokens, shape_.heads, shape_.width});
    const TensorView lse = rig_.zeros(DType::kF32, {tokens, shape_.heads});
    ops::attention(rig_.context(), {.q = q,
                                    .kv = kv_,
                                    .kv_heads = kKvHeads,
                                    .scale = 0.2F,
                                    .out = out,
                                    .lse = lse,
                                    .table = rig_.table(step, 0, rig_.headers(2)),
                                    .tokens = rig_.count(tokens)});
    std::vector<float> got = rig_.read(out);
    const std::vector<float> sums = rig_.read(lse);
    got.insert(got.end(), sums.begin(), sums.end());
    return got;
  }

  OpRig rig_;
  Shape shape_;
  PagedKv kv_;
  TensorView q_[2];
  TensorView k_;
  TensorView v_;
};

class CpuAttentionTest : public ::testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    if (!cpu::supports(GetParam())) {
      GTEST_SKIP() << "this processor does not have the instruction set";
    }
    backend_ = cpu::open_with(GetParam());
  }

  /// Row `t` of what a step of `tokens` gave: its outputs and its log-sum-exps.
  static std::vector<float> row_of(const std::vector<float>& got, const Shape& shape, int64_t t) {
    const int64_t width = shape.heads * shape.width;
    const int64_t tokens = static_cast<int64_t>(got.size()) / (width + shape.heads);
    std::vector<float> row(got.begin() + t * width, got.begin() + (t + 1) * width);
    const auto lse = got.begin() + tokens * width + t * shape.heads;
    row.insert(row.end(), lse, lse + shape.heads);
    return row;
  }

  std::unique_ptr<Backend> backend_;
  uint64_t seed_ = testing::fresh_seed();
};

TEST_P(CpuAttentionTest, GivesTheReferencesResultForEveryShape) {
  const std::unique_ptr<Backend> reference = open_reference().value();
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kF8E4M3}) {
    for (const Shape& shape : kShapes) {
      Attended ours(*backend_, shape, dtype, seed_);
      Attended theirs(*reference, shape, dtype, seed_);
      EXPECT_LT(testing::relative_error(ours.attend(0, kLength), theirs.attend(0, kLength)),
                tolerance_of(shape))
          << name_of(dtype) << " width " << shape.width;
    }
  }
}

TEST_P(CpuAttentionTest, AQueryIsTheSameBitsInAnyStep) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF8E4M3}) {
    for (const Shape& shape : kShapes) {
      Attended attended(*backend_, shape, dtype, seed_);
      const std::vector<float> whole = attended.attend(0, kLength);
      for (int32_t tokens = 1; tokens <= 17; ++tokens) {
        const int32_t begin = 11 * tokens;
        const int32_t count = std::min(tokens, kLength - begin);
        const std::vector<float> part = attended.attend(begin, count);
        for (int32_t t = 0; t < count; ++t) {
          EXPECT_EQ(row_of(part, shape, t), row_of(whole, shape, begin + t))
              << name_of(dtype) << " position " << begin + t << " of " << tokens;
        }
      }
      EXPECT_EQ(attended.attend_beside(150, 31), row_of(whole, shape, 150)) << name_of(dtype);
    }
  }
}

TEST_P(CpuAttentionTest, ANaNReachesLaterQueriesAndNoEarlierOne) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF8E4M3}) {
    for (const Shape& shape : {kShapes[0], kShapes[3], kShapes[4], kShapes[6]}) {
      Attended attended(*backend_, shape, dtype, seed_);
      const std::vector<float> before = attended.attend(0, kLength);
      attended.spoil(100);
      const std::vector<float> after = attended.attend(0, kLength);
      EXPECT_EQ(row_of(after, shape, 99), row_of(before, shape, 99)) << name_of(dtype);
      for (const float value : row_of(after, shape, 100)) {
        EXPECT_TRUE(std::isnan(value)) << name_of(dtype);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CpuAttentionTest,
                         ::testing::Values(InstructionSet::kAvx2, InstructionSet::kAvx512,
                                           InstructionSet::kAvx512Bf16),
                         [](const auto& which) { return std::string(cpu::name_of(which.param)); });

}  // namespace
}  // namespace dak
