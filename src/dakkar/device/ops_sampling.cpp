#include "dakkar/device/ops_sampling.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {

void record_history(Context& ctx, const HistoryArgs& args) {
  Dims dims("record_history");
  dims.bind("T", args.ids).bind("slots V", args.history);
  require_dtype(args.ids, DType::kI32, "record_history: ids are i32");
  require_dtype(args.history, DType::kI32, "record_history: history is i32");
  check(args.rows != nullptr, "record_history: sampling rows are given");
  require_table(args.table, "record_history: the table is incomplete");
  require_count(args.tokens, dims["T"], "record_history: tokens exceed T");
  ctx.kernels.record_history(ctx.stream, args);
}

void sample(Context& ctx, const SampleArgs& args) {
  Dims dims("sample");
  dims.bind("S V", args.logits).bind("slots V", args.history);
  require_dtype(args.logits, DType::kF32, "sample: logits are f32");
  require_dtype(args.history, DType::kI32, "sample: history is i32");
  check(args.sequence != nullptr && args.rows != nullptr && args.out != nullptr,
        "sample: arguments are incomplete");
  require_table(args.table, "sample: the table is incomplete");
  require_count(args.count, dims["S"], "sample: count exceeds S");
  ctx.kernels.sample(ctx.stream, args);
}

}  // namespace dak::ops
