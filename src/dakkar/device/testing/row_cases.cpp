#include "dakkar/device/ops_layout.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak::testing {
namespace {

constexpr int64_t kTokens = 5;
constexpr int64_t kFewer = 3;

void embed_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const EmbedArgs args{.ids = rig.ints({3, 12, 9, 0, 10}),
                       .table = rig.randoms(DType::kBF16, {8, 20}),
                       .row_begin = 3,
                       .out = rig.randoms(dtype, {kTokens, 20}),
                       .tokens = run.count(kTokens, kFewer)};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::embed(run.context(), args); });
}

void rms_norm_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const RmsNormArgs args{.x = rig.randoms(dtype, {kTokens, 72}, {.scale = 3.0F}),
                         .weight = rig.randoms(DType::kF32, {72}),
                         .eps = 1e-5F,
                         .out = rig.randoms(dtype, {kTokens, 72}),
                         .tokens = run.count(kTokens, kFewer)};
  run.compare("out", args.out, tolerance_of(dtype, 72));
  run.set_body([&run, args] { ops::rms_norm(run.context(), args); });
}

void add_rms_norm_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const AddRmsNormArgs args{.residual = rig.randoms(dtype, {kTokens, 72}),
                            .delta = rig.randoms(dtype, {kTokens, 72}),
                            .weight = rig.randoms(DType::kF32, {72}),
                            .eps = 1e-5F,
                            .out = rig.randoms(dtype, {kTokens, 72}),
                            .tokens = run.count(kTokens, kFewer)};
  run.compare("residual", args.residual, 0.0);
  run.compare("out", args.out, tolerance_of(dtype, 72));
  run.set_body([&run, args] { ops::add_rms_norm(run.context(), args); });
}

void gated_group_norm_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const GatedGroupNormArgs args{.y = rig.randoms(dtype, {kTokens, 96}),
                                .z = rig.randoms(dtype, {kTokens, 130}).columns(10, 96),
                                .weight = rig.randoms(DType::kF32, {96}),
                                .groups = 4,
                                .eps = 1e-5F,
                                .out = rig.randoms(dtype, {kTokens, 96}),
                                .tokens = run.count(kTokens, kFewer)};
  run.compare("out", args.out, tolerance_of(dtype, 24));
  run.set_body([&run, args] { ops::gated_group_norm(run.context(), args); });
}

void relu2_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const TensorView x = rig.randoms(dtype, {kTokens * 2, 40});
  const Relu2Args args{.x = x, .out = x, .tokens = run.count(kTokens, kFewer), .rows_per_token = 2};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::relu2(run.context(), args); });
}

void gather_rows_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const GatherRowsArgs args{.x = rig.randoms(dtype, {9, 24}),
                            .rows = rig.ints({8, 0, 3, 3}),
                            .out = rig.randoms(dtype, {4, 24}),
                            .count = run.count(4, 2)};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::gather_rows(run.context(), args); });
}

void concat_columns_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const ConcatColumnsArgs args{.left = rig.randoms(dtype, {kTokens, 24}),
                               .right = rig.randoms(DType::kF32, {kTokens, 9}),
                               .out = rig.randoms(dtype, {kTokens, 33}),
                               .tokens = run.count(kTokens, kFewer)};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::concat_columns(run.context(), args); });
}

void convert_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const ConvertArgs args{.x = rig.randoms(DType::kF32, {kTokens, 24}),
                         .out = rig.randoms(dtype, {kTokens, 24}),
                         .tokens = run.count(kTokens, kFewer)};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::convert(run.context(), args); });
}

void join_columns_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const JoinColumnsArgs args{.parts = rig.randoms(dtype, {3, 4, 5}),
                             .out = rig.randoms(dtype, {4, 13}),
                             .count = run.count(4, 2)};
  run.compare("out", args.out, 0.0);
  run.set_body([&run, args] { ops::join_columns(run.context(), args); });
}

}  // namespace

void add_row_cases(std::vector<OpCase>& cases) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    const auto add = [&](const std::string& op, void (*build)(CaseRun&, DType)) {
      cases.push_back({op + "_" + std::string(name_of(dtype)),
                       [build, dtype](CaseRun& run) { build(run, dtype); }});
    };
    add("embed", embed_case);
    add("rms_norm", rms_norm_case);
    add("add_rms_norm", add_rms_norm_case);
    add("gated_group_norm", gated_group_norm_case);
    add("relu2", relu2_case);
    add("gather_rows", gather_rows_case);
    add("concat_columns", concat_columns_case);
    add("convert", convert_case);
    add("join_columns", join_columns_case);
  }
}

}  // namespace dak::testing
