#include "dakkar/device/ops_dispatch.h"

#include "dakkar/device/context.h"
#include "dakkar/device/op_checks.h"
#include "dakkar/tensor/dims.h"

namespace dak::ops {
namespace {

void require_ints(const TensorView& view, std::string_view what) {
  require_dtype(view, DType::kI32, what);
  check(view.is_dense(), what);
}

}  // namespace

void share_rows(Context& ctx, const ShareRowsArgs& args) {
  check(args.tokens.value != nullptr && args.begin >= 0 && args.rows >= 0,
        "share_rows: a share of a count is asked for");
  check(args.count.elements() == 1, "share_rows: count is one number");
  require_ints(args.count, "share_rows: count is i32");
  ctx.kernels.share_rows(ctx.stream, args);
}

void deal_choices(Context& ctx, const DealChoicesArgs& args) {
  Dims dims("deal_choices");
  dims.bind("T k", args.chosen).bind("R", args.sent_rows);
  dims.set("T*k", dims["T"] * dims["k"]);
  dims.bind("T*k", args.token).bind("T*k", args.expert).bind("T*k", args.place);
  require_ints(args.chosen, "deal_choices: chosen is dense i32");
  require_ints(args.sent_rows, "deal_choices: sent_rows are i32");
  require_ints(args.token, "deal_choices: token is i32");
  require_ints(args.expert, "deal_choices: expert is i32");
  require_ints(args.place, "deal_choices: place is i32");
  require_ints(args.count, "deal_choices: count is i32");
  check(args.count.elements() == 1 && args.experts > 0, "deal_choices: there are experts");
  require_count(args.tokens, dims["T"], "deal_choices: tokens exceed T");
  ctx.kernels.deal_choices(ctx.stream, args);
}

void count_arrivals(Context& ctx, const CountArrivalsArgs& args) {
  Dims dims("count_arrivals");
  dims.bind("R R", args.sent_rows).bind("R", args.rows);
  require_ints(args.sent_rows, "count_arrivals: sent_rows are i32");
  require_ints(args.rows, "count_arrivals: rows are i32");
  require_ints(args.count, "count_arrivals: count is i32");
  check(args.count.elements() == 1, "count_arrivals: count is one number");
  check(args.rank >= 0 && args.rank < dims["R"], "count_arrivals: the rank is one of them");
  ctx.kernels.count_arrivals(ctx.stream, args);
}

}  // namespace dak::ops
