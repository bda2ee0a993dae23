#include "dakkar/device/worker_team.h"

#include <chrono>
#include <ctime>
#include <numeric>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "dakkar/device/host_kernel.h"
#include "dakkar/device/host_stream.h"

namespace dak {
namespace {

TEST(WorkerTeamTest, EveryPartRunsOnce) {
  for (const int threads : {1, 2, 5}) {
    WorkerTeam team(threads);
    EXPECT_EQ(team.size(), threads);
    for (int64_t parts = 0; parts < 300; ++parts) {
      std::vector<int> runs(static_cast<size_t>(parts));
      team.run(parts, [&](int64_t part, Scratch&) { ++runs[static_cast<size_t>(part)]; });
      EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(parts), 1));
    }
  }
}

TEST(WorkerTeamTest, JobsAfterAnyPauseSeeWhatWasWrittenBefore) {
  WorkerTeam team(3);
  std::mt19937 random(7);
  std::vector<int64_t> values(64);
  for (int64_t job = 1; job <= 400; ++job) {
    const int64_t before = job - 1;
    team.run(std::ssize(values), [&](int64_t part, Scratch&) {
      int64_t& value = values[static_cast<size_t>(part)];
      value = value == before ? job : -1;
    });
    EXPECT_EQ(values, std::vector<int64_t>(values.size(), job));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 150));
  }
}

TEST(WorkerTeamTest, PartsRunBesideEachOther) {
  WorkerTeam team(2);
  std::atomic<int> here{0};
  team.run(2, [&](int64_t, Scratch&) {
    ++here;
    // Ends only when the other part runs in another thread.
    while (here.load() < 2) {
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(here.load(), 2);
}

TEST(WorkerTeamTest, TheCallerSleepsUntilALongPartIsDone) {
  WorkerTeam team(2);
  std::atomic<int> finished{0};
  team.run(2, [&](int64_t part, Scratch&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(part == 0 ? 0 : 20));
    ++finished;
  });
  EXPECT_EQ(finished.load(), 2);
}

TEST(WorkerTeamTest, RangesCoverTheTotalInGrains) {
  for (const int threads : {1, 2, 3}) {
    WorkerTeam team(threads);
    for (const int64_t total : {0, 1, 7, 8, 9, 63, 64, 1000}) {
      std::vector<int> seen(static_cast<size_t>(total));
      team.for_ranges({.total = total, .grain = 8}, [&](WorkRange range, Scratch&) {
        EXPECT_EQ(range.begin % 8, 0);
        EXPECT_TRUE(range.end % 8 == 0 || range.end == total);
        EXPECT_LT(range.begin, range.end);
        for (int64_t i = range.begin; i < range.end; ++i) {
          ++seen[static_cast<size_t>(i)];
        }
      });
      EXPECT_EQ(seen, std::vector<int>(static_cast<size_t>(total), 1));
    }
  }
}

TEST(WorkerTeamTest, RangesAreLongFirstAndOfOneGrainAtTheEnd) {
  WorkerTeam team(2);
  std::vector<int64_t> length_at(1000);
  team.for_ranges({.total = 1000, .grain = 10}, [&](WorkRange range, Scratch&) {
    length_at[static_cast<size_t>(range.begin)] = range.end - range.begin;
  });
  EXPECT_EQ(length_at[0], 250);
  EXPECT_EQ(length_at[250], 250);
  EXPECT_EQ(length_at[500], 120);
  EXPECT_EQ(length_at[980], 10);
  EXPECT_EQ(length_at[990], 10);
}

TEST(WorkerTeamTest, ScratchIsAlignedApartAndGivenBack) {
  WorkerTeam team(2);
  std::byte* first = nullptr;
  for (int job = 0; job < 3; ++job) {
    team.run(1, [&](int64_t, Scratch& scratch) {
      const std::span<float> a = scratch.take<float>(100000);
      const std::span<std::byte> b = scratch.take<std::byte>(1);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(b.data()) % 64, 0U);
      EXPECT_TRUE(b.data() >= reinterpret_cast<std::byte*>(a.data() + a.size()) ||
                  b.data() < reinterpret_cast<std::byte*>(a.data()));
      if (job == 1) {
        first = reinterpret_cast<std::byte*>(a.data());
      }
      EXPECT_TRUE(job != 2 || first == reinterpret_cast<std::byte*>(a.data()));
    });
  }
}

TEST(WorkerTeamTest, ATeamWithoutWorkUsesNoProcessorTime) {
  WorkerTeam team(4);
  team.run(8, [](int64_t, Scratch&) {});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC * 3 / 1000);
}

struct SumArgs {
  const int* values = nullptr;
  int64_t count = 0;
  int* out = nullptr;  ///< [4]
};

/// Sums quarters through kernel scratch, which every part writes.
void sum_quarters(WorkerTeam& team, const SumArgs& args) {
  const std::span<int> sums = team.kernel_scratch().take<int>(4);
  team.run(4, [&](int64_t part, Scratch&) {
    const int64_t quarter = args.count / 4;
    sums[static_cast<size_t>(part)] =
        std::accumulate(args.values + part * quarter, args.values + (part + 1) * quarter, 0);
  });
  std::copy(sums.begin(), sums.end(), args.out);
}

TEST(TeamKernelTest, RunsOnTheStreamsTeamAtOnceAndInReplays) {
  const std::unique_ptr<Stream> stream = make_host_stream(3);
  EXPECT_EQ(stream->team().size(), 3);
  std::vector<int> values(400, 1);
  std::vector<int> out(4);
  const SumArgs args{.values = values.data(), .count = 400, .out = out.data()};
  team_kernel<SumArgs, sum_quarters>(*stream, args);
  EXPECT_EQ(out, std::vector<int>(4, 100));
  stream->begin_capture();
  team_kernel<SumArgs, sum_quarters>(*stream, args);
  const std::unique_ptr<CapturedStep> step = stream->end_capture();
  std::fill(values.begin(), values.end(), 2);
  stream->replay(*step);
  EXPECT_EQ(out, std::vector<int>(4, 200));
}

}  // namespace
}  // namespace dak
