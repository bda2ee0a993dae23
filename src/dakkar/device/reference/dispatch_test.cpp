#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dakkar/device/ops_dispatch.h"
#include "dakkar/device/testing/op_rig.h"

namespace dak {
namespace {

using ::testing::ElementsAre;

class DispatchTest : public ::testing::Test {
 protected:
  const std::unique_ptr<Backend> backend_ = open_reference().value();
  testing::OpRig rig_{*backend_, 1};
};

TEST_F(DispatchTest, ChoicesAreOrderedByRankThenTokenThenChoice) {
  // 5 experts over 2 ranks: 0, 1, 2 and 3, 4.
  const DealChoicesArgs args{.chosen = rig_.ints({3, 1, 0, 4, 2, 3}).reshaped({3, 2}),
                             .experts = 5,
                             .sent_rows = rig_.ints({0, 0}),
                             .token = rig_.ints({0, 0, 0, 0, 0, 0}),
                             .expert = rig_.ints({0, 0, 0, 0, 0, 0}),
                             .place = rig_.ints({0, 0, 0, 0, 0, 0}),
                             .count = rig_.ints({0}),
                             .tokens = rig_.count(3)};
  ops::deal_choices(rig_.context(), args);
  EXPECT_THAT(rig_.read_ints(args.sent_rows), ElementsAre(3, 3));
  EXPECT_THAT(rig_.read_ints(args.token), ElementsAre(0, 1, 2, 0, 1, 2));
  EXPECT_THAT(rig_.read_ints(args.expert), ElementsAre(1, 0, 2, 0, 1, 0));
  EXPECT_THAT(rig_.read_ints(args.place), ElementsAre(3, 0, 1, 4, 2, 5));
  EXPECT_THAT(rig_.read_ints(args.count), ElementsAre(6));
}

TEST_F(DispatchTest, ARankReceivesItsColumnOfTheCounts) {
  const CountArrivalsArgs args{.sent_rows = rig_.ints({0, 7, 2, 5}).reshaped({2, 2}),
                               .rank = 1,
                               .rows = rig_.ints({0, 0}),
                               .count = rig_.ints({0})};
  ops::count_arrivals(rig_.context(), args);
  EXPECT_THAT(rig_.read_ints(args.rows), ElementsAre(7, 5));
  EXPECT_THAT(rig_.read_ints(args.count), ElementsAre(12));
}

TEST_F(DispatchTest, SharesBehindTheLastTokenAreEmpty) {
  std::vector<int32_t> counts;
  for (const int64_t begin : {0, 3, 6}) {
    const TensorView count = rig_.ints({-1});
    ops::share_rows(rig_.context(),
                    {.tokens = rig_.count(5), .begin = begin, .rows = 3, .count = count});
    counts.push_back(rig_.read_ints(count).front());
  }
  EXPECT_THAT(counts, ElementsAre(3, 2, 0));
}

}  // namespace
}  // namespace dak
