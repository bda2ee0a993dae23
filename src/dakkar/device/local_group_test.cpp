#include "dakkar/device/local_group.h"

#include <array>
#include <functional>
#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "dakkar/device/host_stream.h"

namespace dak {
namespace {

/// One rank's view of a test: its group and a stream.
struct Rank {
  Communicator& group;
  Stream& stream;
};

/// Runs `work` as every rank of a group, each in a thread.
void run_ranks(int size, const std::function<void(Rank)>& work) {
  std::vector<std::unique_ptr<Communicator>> groups = make_local_group(size);
  std::vector<std::thread> threads;
  for (std::unique_ptr<Communicator>& group : groups) {
    threads.emplace_back([&work, &group] {
      const std::unique_ptr<Stream> stream = make_host_stream();
      work({.group = *group, .stream = *stream});
      group.reset();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TensorView view(std::vector<float>& values) {
  return TensorView::dense(values.data(), DType::kF32, {static_cast<int64_t>(values.size())});
}

TEST(LocalGroupTest, AllReduceSumsInRankOrder) {
  for (const int size : {1, 2, 3, 4}) {
    run_ranks(size, [size](Rank rank) {
      // In rank order the large terms cancel before the small one is added.
      const float mine = rank.group.rank() == 0 ? 1e8F : rank.group.rank() == 1 ? -1e8F : 0.25F;
      std::vector<float> x(5000, mine);
      x[4999] = static_cast<float>(rank.group.rank());
      for (int round = 0; round < 3; ++round) {
        std::vector<float> sum = x;
        rank.group.all_reduce(rank.stream, view(sum));
        EXPECT_EQ(sum[0], size == 1 ? 1e8F : static_cast<float>(size - 2) * 0.25F);
        EXPECT_EQ(sum[4998], sum[0]);
        EXPECT_EQ(sum[4999], static_cast<float>(size * (size - 1) / 2));
      }
    });
  }
}

TEST(LocalGroupTest, GatherScatterAndBroadcastMoveEachRanksPart) {
  run_ranks(3, [](Rank rank) {
    const auto me = static_cast<float>(rank.group.rank());
    std::vector<float> part = {me, me + 10};
    std::vector<float> all(6);
    rank.group.all_gather(rank.stream, view(part), view(all));
    EXPECT_EQ(all, (std::vector<float>{0, 10, 1, 11, 2, 12}));
    rank.group.reduce_scatter(rank.stream, view(all), view(part));
    EXPECT_EQ(part, (std::vector<float>{3 * me, 3 * (me + 10)}));
    rank.group.broadcast(rank.stream, view(part), 2);
    EXPECT_EQ(part, (std::vector<float>{6, 36}));
  });
}

TEST(LocalGroupTest, RowsGoWhereTheCountsSay) {
  run_ranks(3, [](Rank rank) {
    const int me = rank.group.rank();
    // Rank r sends r + d rows to rank d, each saying 10 r + d.
    std::vector<int32_t> send_rows;
    std::vector<int32_t> receive_rows;
    std::vector<float> send;
    std::vector<float> want;
    for (int other = 0; other < 3; ++other) {
      send_rows.push_back(me + other);
      receive_rows.push_back(other + me);
      send.insert(send.end(), static_cast<size_t>(2 * (me + other)),
                  static_cast<float>(10 * me + other));
      want.insert(want.end(), static_cast<size_t>(2 * (me + other)),
                  static_cast<float>(10 * other + me));
    }
    std::vector<float> receive(want.size());
    const auto rows = static_cast<int64_t>(send.size() / 2);
    rank.group.all_to_all_v(rank.stream,
                            {.send = TensorView::dense(send.data(), DType::kF32, {rows, 2}),
                             .send_rows = send_rows.data(),
                             .receive = TensorView::dense(receive.data(), DType::kF32, {rows, 2}),
                             .receive_rows = receive_rows.data()});
    EXPECT_EQ(receive, want);
  });
}

TEST(LocalGroupTest, ACapturedExchangeReadsItsCountsWhenItIsReplayed) {
  run_ranks(2, [](Rank rank) {
    const auto me = static_cast<float>(rank.group.rank());
    std::vector<float> send = {me, me + 10, me + 20};
    std::vector<float> receive(4, -1.0F);
    std::array<int32_t, 2> send_rows = {1, 1};
    std::array<int32_t, 2> receive_rows = {1, 1};
    rank.stream.begin_capture();
    rank.group.all_to_all_v(rank.stream,
                            {.send = TensorView::dense(send.data(), DType::kF32, {3, 1}),
                             .send_rows = send_rows.data(),
                             .receive = TensorView::dense(receive.data(), DType::kF32, {4, 1}),
                             .receive_rows = receive_rows.data()});
    const std::unique_ptr<CapturedStep> step = rank.stream.end_capture();
    // Rank 0 keeps nothing and sends two rows, rank 1 keeps one and sends none.
    const bool first = rank.group.rank() == 0;
    send_rows = {0, first ? 2 : 1};
    receive_rows = {first ? 0 : 2, first ? 0 : 1};
    rank.stream.replay(*step);
    EXPECT_EQ(receive,
              first ? (std::vector<float>{-1, -1, -1, -1}) : (std::vector<float>{0, 10, 1, -1}));
  });
}

TEST(LocalGroupTest, SplitsByColorInRankOrder) {
  run_ranks(4, [](Rank rank) {
    const int me = rank.group.rank();
    const std::unique_ptr<Communicator> half = rank.group.split(me % 2);
    EXPECT_EQ(half->size(), 2);
    EXPECT_EQ(half->rank(), me / 2);
    std::vector<float> x = {static_cast<float>(me)};
    half->all_reduce(rank.stream, view(x));
    EXPECT_EQ(x[0], me % 2 == 0 ? 2.0F : 4.0F);
    rank.group.all_reduce(rank.stream, view(x));
    EXPECT_EQ(x[0], 12.0F);
  });
}

TEST(LocalGroupTest, CapturedCollectivesReplay) {
  run_ranks(2, [](Rank rank) {
    std::vector<float> x = {1.0F};
    rank.stream.begin_capture();
    rank.group.all_reduce(rank.stream, view(x));
    const std::unique_ptr<CapturedStep> step = rank.stream.end_capture();
    EXPECT_EQ(x[0], 1.0F);
    rank.stream.replay(*step);
    rank.stream.replay(*step);
    EXPECT_EQ(x[0], 4.0F);
  });
}

TEST(LocalGroupDeathTest, DifferentCollectivesAbortAndNameBoth) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_ranks(2,
                         [](Rank rank) {
                           std::vector<float> x(4);
                           std::vector<float> out(8);
                           if (rank.group.rank() == 0) {
                             rank.group.all_reduce(rank.stream, view(x));
                           } else {
                             rank.group.all_gather(rank.stream, view(x), view(out));
                           }
                         }),
               "rank [01] calls all_[rg][a-z]* number 0, 16 bytes of f32.*; rank [01] calls all_");
}

TEST(LocalGroupDeathTest, ExchangesOfDifferentRowsAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      run_ranks(2,
                [](Rank rank) {
                  const int64_t width = rank.group.rank() + 1;
                  std::vector<float> x(static_cast<size_t>(2 * width));
                  std::vector<int32_t> rows = {1, 1};
                  const TensorView all = TensorView::dense(x.data(), DType::kF32, {2, width});
                  rank.group.all_to_all_v(rank.stream, {.send = all,
                                                        .send_rows = rows.data(),
                                                        .receive = all,
                                                        .receive_rows = rows.data()});
                }),
      "all_to_all_v number 0, [48] bytes of f32.*all_to_all_v number 0, [48] bytes");
}

TEST(LocalGroupDeathTest, DifferentSizesAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_ranks(2,
                         [](Rank rank) {
                           std::vector<float> x(static_cast<size_t>(rank.group.rank() + 1));
                           rank.group.all_reduce(rank.stream, view(x));
                         }),
               "ranks disagree on a collective");
}

TEST(LocalGroupDeathTest, ARankThatLeavesWhileOthersWaitAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_ranks(2,
                         [](Rank rank) {
                           std::vector<float> x(1);
                           if (rank.group.rank() == 0) {
                             rank.group.all_reduce(rank.stream, view(x));
                           }
                         }),
               "a rank left its group|after a rank had left the group");
}

TEST(SelfGroupTest, IsAGroupOfOne) {
  const std::unique_ptr<Communicator> self = make_self_group();
  const std::unique_ptr<Stream> stream = make_host_stream();
  std::vector<float> x = {1, 2};
  std::vector<float> out(2);
  self->all_reduce(*stream, view(x));
  self->all_gather(*stream, view(x), view(out));
  EXPECT_EQ(out, x);
  EXPECT_EQ(self->split(3)->size(), 1);
}

}  // namespace
}  // namespace dak
