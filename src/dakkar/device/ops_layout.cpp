#include "dakkar/device/ops_layout.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {

void convert(Context& ctx, const ConvertArgs& args) {
  Dims dims("convert");
  dims.bind("T d", args.x).bind("T d", args.out);
  require_float(args.x, "convert: x is a float tensor");
  require_float(args.out, "convert: out is a float tensor");
  require_count(args.tokens, dims["T"], "convert: tokens exceed T");
  ctx.kernels.convert(ctx.stream, args);
}

void join_columns(Context& ctx, const JoinColumnsArgs& args) {
  Dims dims("join_columns");
  dims.bind("R S W", args.parts).bind("S V", args.out);
  check(dims["W"] * dims["R"] >= dims["V"], "join_columns: the parts are wide enough");
  require_dtype(args.out, args.parts.dtype, "join_columns: out has the dtype of the parts");
  require_count(args.count, dims["S"], "join_columns: count exceeds S");
  ctx.kernels.join_columns(ctx.stream, args);
}

}  // namespace dak::ops
