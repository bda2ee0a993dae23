#include <fmt/core.h>

#include "dakkar/device/ops_linear.h"
#include "dakkar/device/ops_moe.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak::testing {
namespace {

struct LinearShape {
  QuantFormat format = QuantFormat::kBF16;
  int64_t tokens = 1;
  int64_t n = 1;
  int64_t k = 1;
};

/// Into f32 the linear adds to what is there, into other dtypes it replaces it.
void linear_case(CaseRun& run, const LinearShape& shape, DType dtype) {
  OpRig& rig = run.rig();
  const TensorView x = rig.randoms(DType::kBF16, {shape.tokens, shape.k + 8});
  const LinearArgs args{.x = x.columns(8, shape.k),
                        .weight = &rig.weight(shape.format, shape.n, shape.k),
                        .out = rig.randoms(dtype, {shape.tokens, shape.n}),
                        .accumulate = dtype == DType::kF32 ? Accumulate::kYes : Accumulate::kNo,
                        .tokens = run.count(shape.tokens, shape.tokens / 2)};
  run.compare("out", args.out, tolerance_of(dtype, shape.k));
  run.set_body([&run, args] { ops::linear(run.context(), args); });
}

/// Three choices for each of five tokens, the last of five experts being empty.
void expert_linear_case(CaseRun& run, const std::vector<QuantFormat>& formats, ExpertInput input) {
  OpRig& rig = run.rig();
  const TensorView chosen = rig.ints({0, 1, 2, 3, 4, 0, 2, 1, 3, 0, 3, 4, 1, 2, 0});
  const ExpertLinearArgs args{
      .x = rig.randoms(DType::kBF16, {input == ExpertInput::kPerToken ? 5 : 15, 48}),
      .input = input,
      .experts = rig.experts(formats, 40, 48),
      .chosen = chosen.reshaped({5, 3}),
      .out = rig.randoms(DType::kF32, {15, 40}),
      .tokens = run.count(5, 3)};
  run.compare("out", args.out, tolerance_of(DType::kF32, 48));
  run.set_body([&run, args] { ops::expert_linear(run.context(), args); });
}

void route_case(CaseRun& run, int64_t n_group, int64_t topk_group) {
  OpRig& rig = run.rig();
  const RouteArgs args{.x = rig.randoms(DType::kBF16, {7, 32}),
                       .gate = rig.randoms(DType::kBF16, {12, 32}, {.scale = 0.3F}),
                       .bias = rig.randoms(DType::kF32, {12}, {.scale = 0.2F}),
                       .n_group = n_group,
                       .topk_group = topk_group,
                       .normalise = n_group == 1,
                       .scaling = 2.5F,
                       .chosen = rig.zeros(DType::kI32, {7, 3}),
                       .weights = rig.zeros(DType::kF32, {7, 3}),
                       .tokens = run.count(7, 4)};
  run.compare("chosen", args.chosen, 0.0);
  run.compare("weights", args.weights, tolerance_of(DType::kF32, 32));
  run.set_body([&run, args] { ops::route(run.context(), args); });
}

void combine_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const CombineExpertsArgs args{.x = rig.randoms(DType::kF32, {7 * 3, 20}),
                                .weights = rig.randoms(DType::kF32, {7, 3}),
                                .out = rig.randoms(dtype, {7, 20}),
                                .tokens = run.count(7, 4)};
  run.compare("out", args.out, tolerance_of(dtype, 3));
  run.set_body([&run, args] { ops::combine_experts(run.context(), args); });
}

void add_linear(std::vector<OpCase>& cases, const LinearShape& shape, DType dtype) {
  cases.push_back({fmt::format("linear_{}_{}_{}x{}x{}", name_of(shape.format), name_of(dtype),
                               shape.tokens, shape.n, shape.k),
                   [=](CaseRun& run) { linear_case(run, shape, dtype); }});
}

}  // namespace

void add_linear_cases(std::vector<OpCase>& cases) {
  for (const QuantFormat format : {QuantFormat::kF32, QuantFormat::kF16, QuantFormat::kBF16,
                                   QuantFormat::kFp8, QuantFormat::kNvfp4}) {
    for (const int64_t tokens : {1, 2, 5, 13, 33}) {
      add_linear(cases, {.format = format, .tokens = tokens, .n = 75, .k = 96}, DType::kBF16);
    }
    add_linear(cases, {.format = format, .tokens = 3, .n = 160, .k = 48}, DType::kF32);
    add_linear(cases, {.format = format, .tokens = 1, .n = 1, .k = 16}, DType::kF16);
    cases.push_back(
        {fmt::format("expert_linear_{}", name_of(format)), [format](CaseRun& run) {
           expert_linear_case(run, {format, format, format, format}, ExpertInput::kPerToken);
         }});
  }
  add_linear(cases, {.format = QuantFormat::kBF16, .tokens = 9, .n = 33, .k = 37}, DType::kBF16);
  cases.push_back({"expert_linear_mixed", [](CaseRun& run) {
                     expert_linear_case(run,
                                        {QuantFormat::kNvfp4, QuantFormat::kBF16, QuantFormat::kFp8,
                                         QuantFormat::kNvfp4},
                                        ExpertInput::kPerChoice);
                   }});
  cases.push_back({"route", [](CaseRun& run) { route_case(run, 1, 1); }});
  cases.push_back({"route_groups", [](CaseRun& run) { route_case(run, 4, 2); }});
  cases.push_back({"combine_bf16", [](CaseRun& run) { combine_case(run, DType::kBF16); }});
  cases.push_back({"combine_f32", [](CaseRun& run) { combine_case(run, DType::kF32); }});
}

}  // namespace dak::testing
