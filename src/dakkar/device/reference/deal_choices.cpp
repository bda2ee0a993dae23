#include <algorithm>
#include <vector>

#include "dakkar/base/check.h"
#include "dakkar/device/reference/kernels.h"

namespace dak::reference {
namespace {

/// An expert's rank and its number there.
struct Home {
  int64_t rank = 0;
  int64_t expert = 0;
};

Home home_of(int64_t expert, int64_t experts, int64_t ranks) {
  const int64_t each = experts / ranks;
  const int64_t larger = experts % ranks * (each + 1);
  if (expert < larger) {
    return {.rank = expert / (each + 1), .expert = expert % (each + 1)};
  }
  const int64_t behind = expert - larger;
  return {.rank = experts % ranks + behind / each, .expert = behind % each};
}

}  // namespace

void deal_choices(const DealChoicesArgs& args) {
  const int64_t ranks = args.sent_rows.dim(0);
  const int64_t k = args.chosen.dim(1);
  const int64_t choices = args.tokens.read() * k;
  const auto* chosen = args.chosen.as<int32_t>();
  auto* sent = args.sent_rows.as<int32_t>();
  std::fill(sent, sent + ranks, 0);
  for (int64_t c = 0; c < choices; ++c) {
    check(chosen[c] >= 0 && chosen[c] < args.experts, "deal_choices: no such expert");
    ++sent[home_of(chosen[c], args.experts, ranks).rank];
  }
  std::vector<int32_t> next(static_cast<size_t>(ranks), 0);
  for (int64_t r = 1; r < ranks; ++r) {
    next[static_cast<size_t>(r)] = next[static_cast<size_t>(r - 1)] + sent[r - 1];
  }
  for (int64_t c = 0; c < choices; ++c) {
    const Home home = home_of(chosen[c], args.experts, ranks);
    const int32_t place = next[static_cast<size_t>(home.rank)]++;
    args.place.as<int32_t>()[c] = place;
    args.token.as<int32_t>()[place] = static_cast<int32_t>(c / k);
    args.expert.as<int32_t>()[place] = static_cast<int32_t>(home.expert);
  }
  *args.count.as<int32_t>() = static_cast<int32_t>(choices);
}

}  // namespace dak::reference
