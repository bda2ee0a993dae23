#include "dakkar/device/ops_linear.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {

void linear(Context& ctx, const LinearArgs& args) {
  check(args.weight != nullptr, "linear: a weight is given");
  Dims dims("linear");
  dims.set("K", args.weight->k).set("N", args.weight->n).bind("T K", args.x).bind("T N", args.out);
  require_float(args.x, "linear: x is a float tensor");
  require_float(args.out, "linear: out is a float tensor");
  check(args.accumulate == Accumulate::kNo || args.out.dtype == DType::kF32,
        "linear: sums are accumulated in f32");
  require_count(args.tokens, dims["T"], "linear: tokens exceed T");
  ctx.kernels.linear(ctx.stream, args);
}

}  // namespace dak::ops
