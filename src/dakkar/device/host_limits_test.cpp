#include <filesystem>
#include <fstream>
#include <random>

#include <gtest/gtest.h>

#include "dakkar/device/host_memory.h"
#include "dakkar/device/usable_cores.h"

namespace dak {
namespace {

/// A fake /proc and /sys/fs/cgroup.
class HostLimitsTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(root_); }
  void TearDown() override { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  HostFiles files() const {
    return {.proc = (root_ / "proc").string(), .cgroup = (root_ / "cgroup").string()};
  }
  int64_t memory() const { return host_memory_limit_bytes(files()); }
  /// Of a process that may run on eight cores.
  int cores() const { return usable_cores(8, files()); }

  std::filesystem::path root_ = std::filesystem::path(::testing::TempDir()) /
                                ("host_limits_" + std::to_string(std::random_device{}()));
};

TEST_F(HostLimitsTest, MemoryIsTheMachinesMemoryWithoutGroups) {
  write("proc/meminfo", "MemTotal:       2048 kB\nMemFree: 1 kB\n");
  EXPECT_EQ(memory(), 2048 * 1024);
}

TEST_F(HostLimitsTest, MemoryIsTheSmallestLimitAboveTheProcess) {
  write("proc/meminfo", "MemTotal:       2048 kB\n");
  write("proc/self/cgroup", "0::/a/b\n");
  write("cgroup/a/b/memory.max", "max\n");
  write("cgroup/a/memory.max", "700000\n");
  EXPECT_EQ(memory(), 700000);
}

TEST_F(HostLimitsTest, MemoryReadsTheOldHierarchyToo) {
  write("proc/meminfo", "MemTotal:       2048 kB\n");
  write("proc/self/cgroup", "5:cpu:/x\n4:memory:/job\n");
  write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("cgroup/memory/job/memory.limit_in_bytes", "500000\n");
  EXPECT_EQ(memory(), 500000);
}

TEST_F(HostLimitsTest, MemoryIsZeroWhenNothingCanBeRead) {
  EXPECT_EQ(memory(), 0);
}

TEST_F(HostLimitsTest, CoresAreThoseAllowedWithoutAQuota) {
  EXPECT_EQ(cores(), 8);
  write("cgroup/cpu.max", "max 100000\n");
  write("cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  write("cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores(), 8);
}

TEST_F(HostLimitsTest, CoresAreTheSmallestQuotaAboveTheProcessRoundedUp) {
  write("proc/self/cgroup", "0::/a/b\n");
  write("cgroup/a/b/cpu.max", "500000 100000\n");
  EXPECT_EQ(cores(), 5);
  write("cgroup/a/cpu.max", "250000 100000\n");
  EXPECT_EQ(cores(), 3);
  write("cgroup/cpu.max", "20000 100000\n");
  EXPECT_EQ(cores(), 1);
}

TEST_F(HostLimitsTest, CoresReadTheOldHierarchyToo) {
  write("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/job\n");
  write("cgroup/cpu/job/cpu.cfs_quota_us", "200000\n");
  write("cgroup/cpu/job/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(cores(), 4);
}

TEST_F(HostLimitsTest, CoresIgnoreAQuotaAboveThoseAllowedOrUnreadable) {
  write("cgroup/cpu.max", "6400000 100000\n");
  EXPECT_EQ(cores(), 8);
  write("cgroup/cpu.max", "lots of it\n");
  EXPECT_EQ(cores(), 8);
  write("cgroup/cpu.max", "100000 0\n");
  EXPECT_EQ(cores(), 8);
}

TEST(UsableCoresTest, StreamsShareThemAndKeepOneEach) {
  EXPECT_EQ(threads_per_stream(1), usable_cores());
  EXPECT_EQ(threads_per_stream(usable_cores()), 1);
  EXPECT_EQ(threads_per_stream(1000000), 1);
}

}  // namespace
}  // namespace dak
