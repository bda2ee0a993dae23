#include "dakkar/device/ops_mamba.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {
namespace {

void require_state(const MambaDims& dims, const MambaState& state, std::string_view what) {
  check(dims.groups > 0 && dims.heads % dims.groups == 0, what);
  check(state.arena != nullptr && state.offsets != nullptr, what);
  check(state.layer >= 0 && state.layer < state.layers, what);
}

void require_step(const StepArgs& args, std::string_view what) {
  require_table(args.table, what);
  require_dtype(args.ids, DType::kI32, what);
  check(args.ids.rank == 1, what);
  require_count(args.tokens, args.ids.dim(0), what);
}

}  // namespace

void begin_step(Context& ctx, const StepArgs& args) {
  require_step(args, "begin_step: arguments are incomplete");
  ctx.kernels.begin_step(ctx.stream, args);
}

void advance(Context& ctx, const StepArgs& args) {
  require_step(args, "advance: arguments are incomplete");
  ctx.kernels.advance(ctx.stream, args);
}

void causal_conv(Context& ctx, const CausalConvArgs& args) {
  Dims dims("causal_conv");
  dims.set("C", args.dims.channels()).bind("T C", args.xbc).bind("C width", args.weight);
  dims.bind("C", args.bias).bind("T C", args.out);
  require_dtype(args.xbc, args.dims.activation, "causal_conv: xbc has the activation dtype");
  require_dtype(args.out, args.dims.activation, "causal_conv: out has the activation dtype");
  require_dtype(args.weight, DType::kF32, "causal_conv: weight is f32");
  require_dtype(args.bias, DType::kF32, "causal_conv: bias is f32");
  check(args.dims.window >= dims["width"] - 1, "causal_conv: the window holds width - 1 inputs");
  require_state(args.dims, args.state, "causal_conv: the state is incomplete");
  require_table(args.table, "causal_conv: the table is incomplete");
  require_count(args.tokens, dims["T"], "causal_conv: tokens exceed T");
  ctx.kernels.causal_conv(ctx.stream, args);
}

void ssm_scan(Context& ctx, const SsmScanArgs& args) {
  Dims dims("ssm_scan");
  dims.set("C", args.dims.channels()).set("nh", args.dims.heads).set("d_in", args.dims.inner());
  dims.bind("T C", args.xbc).bind("T nh", args.dt).bind("T d_in", args.y);
  dims.bind("nh", args.a).bind("nh", args.d).bind("nh", args.dt_bias);
  require_dtype(args.xbc, args.dims.activation, "ssm_scan: xbc has the activation dtype");
  require_float(args.dt, "ssm_scan: dt is a float tensor");
  require_float(args.y, "ssm_scan: y is a float tensor");
  require_dtype(args.a, DType::kF32, "ssm_scan: a is f32");
  require_dtype(args.d, DType::kF32, "ssm_scan: d is f32");
  require_dtype(args.dt_bias, DType::kF32, "ssm_scan: dt_bias is f32");
  check(args.dims.ring > kRingFlushTokens, "ssm_scan: the ring holds more than a flush");
  check(args.dims.stored == DType::kF32 || args.dims.stored == DType::kF16,
        "ssm_scan: the stored state is f32 or f16");
  check(args.state.carry.use == nullptr || args.state.carry.offsets != nullptr,
        "ssm_scan: a carry lies somewhere");
  require_state(args.dims, args.state, "ssm_scan: the state is incomplete");
  require_table(args.table, "ssm_scan: the table is incomplete");
  require_count(args.tokens, dims["T"], "ssm_scan: tokens exceed T");
  ctx.kernels.ssm_scan(ctx.stream, args);
}

}  // namespace dak::ops
