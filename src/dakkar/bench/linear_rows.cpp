#include <fmt/core.h>

#include "dakkar/bench/op_row.h"
#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"

namespace dak::bench {
namespace {

/// A linear of a model; "ultra8" is one of Ultra's eight tensor-parallel ranks.
struct LinearShape {
  const char* name;
  int64_t n;
  int64_t k;
};

constexpr LinearShape kNanoIn = {.name = "nano.in_proj", .n = 10304, .k = 2688};
constexpr LinearShape kUltraIn = {.name = "ultra8.in_proj", .n = 4384, .k = 8192};
constexpr LinearShape kNanoHead = {.name = "nano.lm_head", .n = 131072, .k = 2688};

PreparedOp prepare_linear(Operands& operands, const LinearShape& shape, QuantFormat format,
                          int64_t tokens) {
  const DType out = shape.n == kNanoHead.n ? DType::kF32 : DType::kBF16;
  const auto weights = operands.weights(
      format, shape.n, shape.k, copies_beyond_cache(matrix_bytes(format, shape.n, shape.k)));
  LinearArgs args{.x = operands.activations({tokens, shape.k}),
                  .weight = nullptr,
                  .out = operands.zeros(out, {tokens, shape.n}),
                  .tokens = operands.count(tokens)};
  PreparedOp op;
  op.cost = linear_cost({.tokens = tokens,
                         .n = shape.n,
                         .k = shape.k,
                         .weight_bytes = matrix_bytes(format, shape.n, shape.k),
                         .out = out});
  op.cycle = static_cast<int64_t>(weights.size());
  op.run = [&operands, weights, args](int64_t call) mutable {
    args.weight = &weights[static_cast<size_t>(call) % weights.size()];
    ops::linear(operands.context(), args);
  };
  return op;
}

void add_linear(std::vector<OpRow>& rows, const LinearShape& shape, QuantFormat format,
                int64_t tokens) {
  rows.push_back({.name = fmt::format("linear.{}.{}.{}", name_of(format), shape.name, tokens),
                  .what = fmt::format("{} x {}, {} {}", shape.n, shape.k, tokens,
                                      tokens == 1 ? "row" : "rows"),
                  .prepare = [&shape, format, tokens](Operands& operands) {
                    return prepare_linear(operands, shape, format, tokens);
                  }});
}

/// The experts of a layer as one rank holds them.
struct ExpertShape {
  const char* name;
  int64_t experts;
  int64_t chosen;  ///< by one token, of these
  int64_t n;
  int64_t k;
  ExpertInput input;
};

constexpr ExpertShape kNanoUp = {.name = "nano.up",
                                 .experts = 128,
                                 .chosen = 6,
                                 .n = 1856,
                                 .k = 2688,
                                 .input = ExpertInput::kPerToken};
constexpr ExpertShape kNanoDown = {.name = "nano.down",
                                   .experts = 128,
                                   .chosen = 6,
                                   .n = 2688,
                                   .k = 1856,
                                   .input = ExpertInput::kPerChoice};
// An eighth of 512 experts, of which a token chooses 22.
constexpr ExpertShape kUltraUp = {.name = "ultra8.up",
                                  .experts = 64,
                                  .chosen = 3,
                                  .n = 5120,
                                  .k = 2048,
                                  .input = ExpertInput::kPerToken};

int64_t different(const std::vector<int32_t>& choices, int64_t experts) {
  std::vector<bool> seen(static_cast<size_t>(experts));
  int64_t count = 0;
  for (const int32_t e : choices) {
    count += seen[static_cast<size_t>(e)] ? 0 : 1;
    seen[static_cast<size_t>(e)] = true;
  }
  return count;
}

PreparedOp prepare_experts(Operands& operands, const ExpertShape& shape, int64_t tokens) {
  constexpr QuantFormat kFormat = QuantFormat::kNvfp4;
  const double expert_bytes = matrix_bytes(kFormat, shape.n, shape.k);
  const int64_t in_rows = shape.input == ExpertInput::kPerToken ? tokens : tokens * shape.chosen;
  const DType out = shape.input == ExpertInput::kPerToken ? DType::kBF16 : DType::kF32;
  ExpertLinearArgs args{.x = operands.activations({in_rows, shape.k}),
                        .input = shape.input,
                        .experts = operands.weights(kFormat, shape.n, shape.k, shape.experts),
                        .chosen = {},
                        .out = operands.zeros(out, {tokens * shape.chosen, shape.n}),
                        .tokens = operands.count(tokens)};
  PreparedOp op;
  op.cycle =
      copies_beyond_cache(expected_experts(tokens, shape.chosen, shape.experts) * expert_bytes);
  std::vector<TensorView> chosen;
  for (int64_t i = 0; i < op.cycle; ++i) {
    const std::vector<int32_t> choices =
        operands.choose_experts(tokens, shape.chosen, shape.experts);
    chosen.push_back(
        TensorView::dense(operands.array(choices), DType::kI32, {tokens, shape.chosen}));
    op.cost += expert_cost({.tokens = tokens,
                            .chosen = shape.chosen,
                            .n = shape.n,
                            .k = shape.k,
                            .touched = static_cast<double>(different(choices, shape.experts)),
                            .expert_bytes = expert_bytes,
                            .in_rows = in_rows,
                            .out = out})
                   .scaled(1.0 / static_cast<double>(op.cycle));
  }
  op.run = [&operands, chosen, args](int64_t call) mutable {
    args.chosen = chosen[static_cast<size_t>(call) % chosen.size()];
    ops::expert_linear(operands.context(), args);
  };
  return op;
}

void add_experts(std::vector<OpRow>& rows, const ExpertShape& shape, int64_t tokens) {
  rows.push_back(
      {.name = fmt::format("experts.nvfp4.{}.{}", shape.name, tokens),
       .what = fmt::format("{} of {} experts {} x {}, {} {}", shape.chosen, shape.experts, shape.n,
                           shape.k, tokens, tokens == 1 ? "token" : "tokens"),
       .prepare = [&shape, tokens](Operands& operands) {
         return prepare_experts(operands, shape, tokens);
       }});
}

}  // namespace

void add_linear_rows(std::vector<OpRow>& rows) {
  for (const LinearShape* shape : {&kNanoIn, &kUltraIn}) {
    for (const QuantFormat format : {QuantFormat::kNvfp4, QuantFormat::kFp8, QuantFormat::kBF16}) {
      for (const int64_t tokens : {1, 64, 512}) {
        add_linear(rows, *shape, format, tokens);
      }
    }
  }
  add_linear(rows, kNanoHead, QuantFormat::kBF16, 1);
  add_linear(rows, kNanoHead, QuantFormat::kBF16, 4);
  for (const ExpertShape* shape : {&kNanoUp, &kNanoDown, &kUltraUp}) {
    for (const int64_t tokens : {1, 4, 512}) {
      add_experts(rows, *shape, tokens);
    }
  }
}

}  // namespace dak::bench
