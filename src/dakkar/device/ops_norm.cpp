#include "dakkar/device/ops_norm.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {

void embed(Context& ctx, const EmbedArgs& args) {
  Dims dims("embed");
  dims.bind("T", args.ids).bind("_ H", args.table).bind("T H", args.out);
  require_dtype(args.ids, DType::kI32, "embed: ids are i32");
  require_float(args.table, "embed: table is a float tensor");
  require_float(args.out, "embed: out is a float tensor");
  require_count(args.tokens, dims["T"], "embed: tokens exceed T");
  ctx.kernels.embed(ctx.stream, args);
}

void rms_norm(Context& ctx, const RmsNormArgs& args) {
  Dims dims("rms_norm");
  dims.bind("T H", args.x).bind("H", args.weight).bind("T H", args.out);
  require_float(args.x, "rms_norm: x is a float tensor");
  require_dtype(args.weight, DType::kF32, "rms_norm: weight is f32");
  require_float(args.out, "rms_norm: out is a float tensor");
  require_count(args.tokens, dims["T"], "rms_norm: tokens exceed T");
  ctx.kernels.rms_norm(ctx.stream, args);
}

void add_rms_norm(Context& ctx, const AddRmsNormArgs& args) {
  Dims dims("add_rms_norm");
  dims.bind("T H", args.residual).bind("T H", args.delta).bind("H", args.weight);
  dims.bind("T H", args.out);
  require_float(args.residual, "add_rms_norm: residual is a float tensor");
  require_float(args.delta, "add_rms_norm: delta is a float tensor");
  require_dtype(args.weight, DType::kF32, "add_rms_norm: weight is f32");
  require_float(args.out, "add_rms_norm: out is a float tensor");
  require_count(args.tokens, dims["T"], "add_rms_norm: tokens exceed T");
  ctx.kernels.add_rms_norm(ctx.stream, args);
}

void gated_group_norm(Context& ctx, const GatedGroupNormArgs& args) {
  Dims dims("gated_group_norm");
  dims.bind("T d", args.y).bind("T d", args.z).bind("d", args.weight).bind("T d", args.out);
  check(args.groups > 0 && dims["d"] % args.groups == 0, "gated_group_norm: groups divide d");
  require_float(args.y, "gated_group_norm: y is a float tensor");
  require_float(args.z, "gated_group_norm: z is a float tensor");
  require_dtype(args.weight, DType::kF32, "gated_group_norm: weight is f32");
  require_float(args.out, "gated_group_norm: out is a float tensor");
  require_count(args.tokens, dims["T"], "gated_group_norm: tokens exceed T");
  ctx.kernels.gated_group_norm(ctx.stream, args);
}

void relu2(Context& ctx, const Relu2Args& args) {
  Dims dims("relu2");
  dims.bind("rows d", args.x).bind("rows d", args.out);
  require_float(args.x, "relu2: x is a float tensor");
  require_float(args.out, "relu2: out is a float tensor");
  check(args.rows_per_token > 0, "relu2: rows_per_token is positive");
  require_count(args.tokens, dims["rows"] / args.rows_per_token, "relu2: tokens exceed the rows");
  ctx.kernels.relu2(ctx.stream, args);
}

void gather_rows(Context& ctx, const GatherRowsArgs& args) {
  Dims dims("gather_rows");
  dims.bind("T H", args.x).bind("S", args.rows).bind("S H", args.out);
  require_dtype(args.rows, DType::kI32, "gather_rows: rows are i32");
  require_dtype(args.out, args.x.dtype, "gather_rows: out has the dtype of x");
  require_count(args.count, dims["S"], "gather_rows: count exceeds S");
  ctx.kernels.gather_rows(ctx.stream, args);
}

void concat_columns(Context& ctx, const ConcatColumnsArgs& args) {
  Dims dims("concat_columns");
  dims.bind("T A", args.left).bind("T B", args.right);
  dims.set("A+B", dims["A"] + dims["B"]).bind("T A+B", args.out);
  require_float(args.left, "concat_columns: left is a float tensor");
  require_float(args.right, "concat_columns: right is a float tensor");
  require_float(args.out, "concat_columns: out is a float tensor");
  require_count(args.tokens, dims["T"], "concat_columns: tokens exceed T");
  ctx.kernels.concat_columns(ctx.stream, args);
}

}  // namespace dak::ops
