#include "dakkar/device/ops_dispatch.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak::testing {
namespace {

void share_rows_case(CaseRun& run, int64_t begin) {
  OpRig& rig = run.rig();
  const ShareRowsArgs args{
      .tokens = run.count(7, 2), .begin = begin, .rows = 3, .count = rig.ints({-1})};
  run.compare("count", args.count, 0.0);
  run.set_body([&run, args] { ops::share_rows(run.context(), args); });
}

/// 10 experts over 4 ranks: 3, 3, 2 and 2.
void deal_choices_case(CaseRun& run, const std::vector<int32_t>& chosen, int64_t fewer) {
  OpRig& rig = run.rig();
  const auto choices = static_cast<int64_t>(chosen.size());
  const TensorView all = rig.ints(chosen);
  const std::vector<int32_t> unset(chosen.size(), -1);
  const DealChoicesArgs args{.chosen = all.reshaped({choices / 3, 3}),
                             .experts = 10,
                             .sent_rows = rig.ints({9, 9, 9, 9}),
                             .token = rig.ints(unset),
                             .expert = rig.ints(unset),
                             .place = rig.ints(unset),
                             .count = rig.ints({9}),
                             .tokens = run.count(choices / 3, fewer)};
  run.compare("sent_rows", args.sent_rows, 0.0);
  run.compare("token", args.token, 0.0);
  run.compare("expert", args.expert, 0.0);
  run.compare("place", args.place, 0.0);
  run.compare("count", args.count, 0.0);
  run.set_body([&run, args] { ops::deal_choices(run.context(), args); });
}

void count_arrivals_case(CaseRun& run) {
  OpRig& rig = run.rig();
  const CountArrivalsArgs args{.sent_rows = rig.ints({0, 1, 2, 3, 4, 5, 6, 7, 8}).reshaped({3, 3}),
                               .rank = 1,
                               .rows = rig.ints({-1, -1, -1}),
                               .count = rig.ints({-1})};
  run.compare("rows", args.rows, 0.0);
  run.compare("count", args.count, 0.0);
  run.set_body([&run, args] { ops::count_arrivals(run.context(), args); });
}

}  // namespace

void add_dispatch_cases(std::vector<OpCase>& cases) {
  for (const int64_t begin : {0, 3, 5}) {
    cases.push_back({"share_rows_from_" + std::to_string(begin),
                     [begin](CaseRun& run) { share_rows_case(run, begin); }});
  }
  cases.push_back({"deal_choices", [](CaseRun& run) {
                     deal_choices_case(run, {9, 0, 5, 2, 3, 8, 6, 7, 1, 0, 9, 4}, 2);
                   }});
  cases.push_back({"deal_choices_to_one_rank", [](CaseRun& run) {
                     deal_choices_case(run, {2, 0, 1, 1, 2, 0}, 1);
                   }});
  cases.push_back({"deal_choices_of_none", [](CaseRun& run) {
                     deal_choices_case(run, {4, 5, 6}, 0);
                   }});
  cases.push_back({"count_arrivals", count_arrivals_case});
}

}  // namespace dak::testing
