#include "dakkar/device/ops_attention.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {
namespace {

void require_kv(const PagedKv& kv, std::string_view what) {
  check(kv.arena != nullptr && kv.page_table != nullptr, what);
  check(kv.dtype == DType::kF32 || kv.dtype == DType::kBF16 || kv.dtype == DType::kF16 ||
            kv.dtype == DType::kF8E4M3,
        what);
  check(kv.parts > 0 && kChunkTokens % kv.parts == 0 && kv.part >= 0 && kv.part < kv.parts, what);
}

}  // namespace

void kv_write(Context& ctx, const KvWriteArgs& args) {
  Dims dims("kv_write");
  dims.bind("T Hkv D", args.k).bind("T Hkv D", args.v);
  require_float(args.k, "kv_write: k is a float tensor");
  require_float(args.v, "kv_write: v is a float tensor");
  require_kv(args.kv, "kv_write: the pages are incomplete");
  require_table(args.table, "kv_write: the table is incomplete");
  require_count(args.tokens, dims["T"], "kv_write: tokens exceed T");
  ctx.kernels.kv_write(ctx.stream, args);
}

void attention(Context& ctx, const AttentionArgs& args) {
  Dims dims("attention");
  dims.bind("T Hq D", args.q).bind("T Hq D", args.out).bind("T Hq", args.lse);
  check(args.kv_heads > 0 && dims["Hq"] % args.kv_heads == 0, "attention: Hkv divides Hq");
  require_float(args.q, "attention: q is a float tensor");
  require_float(args.out, "attention: out is a float tensor");
  require_dtype(args.lse, DType::kF32, "attention: lse is f32");
  require_kv(args.kv, "attention: the pages are incomplete");
  require_table(args.table, "attention: the table is incomplete");
  require_count(args.tokens, dims["T"], "attention: tokens exceed T");
  ctx.kernels.attention(ctx.stream, args);
}

void weigh_part(Context& ctx, const WeighPartArgs& args) {
  Dims dims("weigh_part");
  dims.bind("T Hq D", args.x).bind("c T Hq", args.lse).bind("c T h D", args.out);
  check(dims["c"] * dims["h"] == dims["Hq"], "weigh_part: the parts share the query heads");
  check(args.part >= 0 && args.part < dims["c"], "weigh_part: the part is one of them");
  require_dtype(args.x, DType::kF32, "weigh_part: x is f32");
  require_dtype(args.lse, DType::kF32, "weigh_part: lse is f32");
  require_dtype(args.out, DType::kF32, "weigh_part: out is f32");
  check(args.x.is_dense() && args.lse.is_dense() && args.out.is_dense(),
        "weigh_part: everything is dense");
  require_count(args.tokens, dims["T"], "weigh_part: tokens exceed T");
  ctx.kernels.weigh_part(ctx.stream, args);
}

}  // namespace dak::ops
