#include <fmt/core.h>

#include "dakkar/bench/op_row.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/ops_sampling.h"

namespace dak::bench {
namespace {

constexpr int64_t kHidden = 2688;
constexpr int64_t kInner = 4096;
constexpr int64_t kVocab = 131072;

PreparedOp prepare_add_norm(Operands& operands, int64_t tokens) {
  PreparedOp op;
  // residual read and written, delta in f32, out; sums, squares and two products
  op.cost = row_cost({.elements = static_cast<double>(tokens * kHidden),
                      .bytes_per_element = 2.0 + 2.0 + 4.0 + 2.0,
                      .flops_per_element = 5.0});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const std::vector<TensorView> delta = operands.rotating(DType::kF32, {tokens, kHidden}, op.cycle);
  const std::vector<TensorView> residual =
      operands.rotating(DType::kBF16, {tokens, kHidden}, op.cycle);
  AddRmsNormArgs args{.residual = {},
                      .delta = {},
                      .weight = operands.uniform(DType::kF32, {kHidden}, 0.5F, 1.5F),
                      .out = operands.zeros(DType::kBF16, {tokens, kHidden}),
                      .tokens = operands.count(tokens)};
  op.run = [&operands, delta, residual, args](int64_t call) mutable {
    args.delta = delta[static_cast<size_t>(call) % delta.size()];
    args.residual = residual[static_cast<size_t>(call) % residual.size()];
    ops::add_rms_norm(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_gated_norm(Operands& operands, int64_t tokens) {
  PreparedOp op;
  // y, z, out; SiLU counts as 4
  op.cost = row_cost({.elements = static_cast<double>(tokens * kInner),
                      .bytes_per_element = 6.0,
                      .flops_per_element = 9.0});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const std::vector<TensorView> both =
      operands.rotating(DType::kBF16, {tokens, 2 * kInner}, op.cycle);
  GatedGroupNormArgs args{.y = {},
                          .z = {},
                          .weight = operands.uniform(DType::kF32, {kInner}, 0.5F, 1.5F),
                          .groups = 8,
                          .out = operands.zeros(DType::kBF16, {tokens, kInner}),
                          .tokens = operands.count(tokens)};
  args.y = operands.activations({tokens, kInner});
  op.run = [&operands, both, args](int64_t call) mutable {
    args.z = both[static_cast<size_t>(call) % both.size()].columns(0, kInner);
    ops::gated_group_norm(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_relu2(Operands& operands, int64_t rows, int64_t width) {
  PreparedOp op;
  op.cost = row_cost({.elements = static_cast<double>(rows * width),
                      .bytes_per_element = 4.0,
                      .flops_per_element = 2.0});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const std::vector<TensorView> x = operands.rotating(DType::kBF16, {rows, width}, op.cycle);
  Relu2Args args{
      .x = {}, .out = operands.zeros(DType::kBF16, {rows, width}), .tokens = operands.count(rows)};
  op.run = [&operands, x, args](int64_t call) mutable {
    args.x = x[static_cast<size_t>(call) % x.size()];
    ops::relu2(operands.context(), args);
  };
  return op;
}

/// A router: experts, how many are chosen, the hidden width.
struct RouterShape {
  const char* name;
  int64_t experts;
  int64_t chosen;
  int64_t hidden;
};

constexpr RouterShape kNanoRouter = {
    .name = "nano", .experts = 128, .chosen = 6, .hidden = kHidden};
constexpr RouterShape kUltraRouter = {
    .name = "ultra", .experts = 512, .chosen = 22, .hidden = 8192};

PreparedOp prepare_route(Operands& operands, const RouterShape& shape, int64_t tokens) {
  PreparedOp op;
  op.cost = linear_cost({.tokens = tokens,
                         .n = shape.experts,
                         .k = shape.hidden,
                         .weight_bytes = 2.0 * static_cast<double>(shape.experts * shape.hidden),
                         .in = DType::kBF16,
                         .out = DType::kF32});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const std::vector<TensorView> gates =
      operands.rotating(DType::kBF16, {shape.experts, shape.hidden}, op.cycle);
  RouteArgs args{.x = operands.uniform(DType::kBF16, {tokens, shape.hidden}, -0.1F, 0.1F),
                 .gate = {},
                 .bias = operands.uniform(DType::kF32, {shape.experts}, 0.0F, 0.1F),
                 .scaling = 2.5F,
                 .chosen = operands.zeros(DType::kI32, {tokens, shape.chosen}),
                 .weights = operands.zeros(DType::kF32, {tokens, shape.chosen}),
                 .tokens = operands.count(tokens)};
  op.run = [&operands, gates, args](int64_t call) mutable {
    args.gate = gates[static_cast<size_t>(call) % gates.size()];
    ops::route(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_combine(Operands& operands, int64_t tokens) {
  const int64_t chosen = kNanoRouter.chosen;
  PreparedOp op;
  op.cost = row_cost({.elements = static_cast<double>(tokens * kHidden),
                      .bytes_per_element = 4.0 * static_cast<double>(chosen) + 4.0,
                      .flops_per_element = 2.0 * static_cast<double>(chosen)});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const std::vector<TensorView> x =
      operands.rotating(DType::kF32, {tokens * chosen, kHidden}, op.cycle);
  CombineExpertsArgs args{.x = {},
                          .weights = operands.uniform(DType::kF32, {tokens, chosen}, 0.1F, 1.0F),
                          .out = operands.zeros(DType::kF32, {tokens, kHidden}),
                          .tokens = operands.count(tokens)};
  op.run = [&operands, x, args](int64_t call) mutable {
    args.x = x[static_cast<size_t>(call) % x.size()];
    ops::combine_experts(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_sample(Operands& operands, int64_t rows, const SamplingRow& sampling) {
  PreparedOp op;
  // The logits once; an exponential counts as 4 operations, and greedy choice needs none.
  const bool greedy = sampling.temperature == 0.0F;
  op.cost = row_cost({.elements = static_cast<double>(rows * kVocab),
                      .bytes_per_element = 4.0,
                      .flops_per_element = greedy ? 1.0 : 6.0});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const TensorView fresh = operands.uniform(DType::kF32, {rows, kVocab}, -8.0F, 8.0F);
  const std::vector<TensorView> logits = operands.rotating(DType::kF32, {rows, kVocab}, op.cycle);
  std::vector<int32_t> sequence(static_cast<size_t>(rows));
  for (size_t i = 0; i < sequence.size(); ++i) {
    sequence[i] = static_cast<int32_t>(i);
  }
  SampleArgs args{.logits = {},
                  .history = operands.zeros(DType::kI32, {rows, kVocab}),
                  .sequence = operands.array(sequence),
                  .rows = operands.array(std::vector<SamplingRow>(sequence.size(), sampling)),
                  .out = operands.array(std::vector<SampledToken>(sequence.size())),
                  .table = operands.table(
                      std::vector<StepRow>(sequence.size(), {.position = 100, .tokens = 1}), rows),
                  .count = operands.count(rows)};
  op.restore = [&operands, logits, fresh] {
    for (const TensorView& view : logits) {
      operands.write(view.data, fresh.data, view.bytes());
    }
  };
  op.run = [&operands, logits, args](int64_t call) mutable {
    args.logits = logits[static_cast<size_t>(call) % logits.size()];
    ops::sample(operands.context(), args);
  };
  return op;
}

void add_row(std::vector<OpRow>& rows, std::string name, std::string what,
             std::function<PreparedOp(Operands&)> prepare) {
  rows.push_back({.name = std::move(name), .what = std::move(what), .prepare = std::move(prepare)});
}

void add_sample_rows(std::vector<OpRow>& rows) {
  struct Way {
    const char* name;
    SamplingRow row;
  };
  const Way ways[] = {{.name = "greedy", .row = {.temperature = 0.0F}},
                      {.name = "temperature", .row = {.temperature = 1.0F, .seed = 7}},
                      {.name = "top_p", .row = {.temperature = 1.0F, .top_p = 0.95F, .seed = 7}}};
  for (const Way& way : ways) {
    for (const int64_t count : {1, 8}) {
      add_row(rows, fmt::format("sample.{}.{}", way.name, count),
              fmt::format("{} logits, {} {}", kVocab, count, count == 1 ? "row" : "rows"),
              [row = way.row, count](Operands& o) { return prepare_sample(o, count, row); });
    }
  }
}

}  // namespace

void add_token_rows(std::vector<OpRow>& rows) {
  for (const int64_t tokens : {1, 512}) {
    const std::string unit = fmt::format("{} {}", tokens, tokens == 1 ? "row" : "rows");
    add_row(rows, fmt::format("add_rms_norm.nano.{}", tokens),
            fmt::format("{} wide, {}", kHidden, unit),
            [tokens](Operands& o) { return prepare_add_norm(o, tokens); });
    add_row(rows, fmt::format("gated_group_norm.nano.{}", tokens),
            fmt::format("{} wide, {}", kInner, unit),
            [tokens](Operands& o) { return prepare_gated_norm(o, tokens); });
    add_row(rows, fmt::format("relu2.nano.{}", tokens), fmt::format("6 x 1856 wide, {}", unit),
            [tokens](Operands& o) { return prepare_relu2(o, 6 * tokens, 1856); });
    add_row(rows, fmt::format("combine_experts.nano.{}", tokens),
            fmt::format("6 x {} wide, {}", kHidden, unit),
            [tokens](Operands& o) { return prepare_combine(o, tokens); });
    for (const RouterShape* shape : {&kNanoRouter, &kUltraRouter}) {
      add_row(rows, fmt::format("route.{}.{}", shape->name, tokens),
              fmt::format("{} of {} experts, {} wide, {}", shape->chosen, shape->experts,
                          shape->hidden, unit),
              [shape, tokens](Operands& o) { return prepare_route(o, *shape, tokens); });
    }
  }
  add_sample_rows(rows);
}

}  // namespace dak::bench
