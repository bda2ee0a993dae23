#include <algorithm>
#include <chrono>
#include <ostream>
#include <string>
#include <thread>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "clients/load_run.h"
#include "clients/real_server.h"

namespace dak {
namespace {

/// Whether memory is looked at: sanitizers keep what was freed.
enum class Memory { kIgnored, kFlat };

struct Plan {
  int clients;
  double seconds;       ///< of load
  double idle_seconds;  ///< of doing nothing
  Memory memory;
};

std::ostream& operator<<(std::ostream& out, const Plan& plan) {
  return out << plan.clients << " clients, " << plan.seconds << " s";
}

class LoadTest : public testing::TestWithParam<Plan> {};

TEST_P(LoadTest, EveryRequestCompletesOrIsCancelledOrIsRefused) {
  const RealServer server(
      {.max_num_seqs = GetParam().clients / 2, .max_queued = GetParam().clients / 4});
  LoadCounts seen;
  const LoadMemory memory = run_load(
      {.port = server.port(), .clients = GetParam().clients, .seconds = GetParam().seconds}, seen);
  const auto megabytes = [](int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  fmt::print(
      "load: {} clients for {:.0f} s: {} sent = {} completed + {} cancelled + {} refused; gaps of "
      "{} events: p50 {:.1f} ms, p99 {:.1f} ms; memory {:.1f} MB, {:+.2f} MB over the second half, "
      "peak {:.1f} MB\n",
      GetParam().clients, GetParam().seconds, seen.sent.load(), seen.completed.load(),
      seen.cancelled.load(), seen.refused.load(), seen.gaps.total(), seen.gaps.quantile(0.5) * 1e3,
      seen.gaps.quantile(0.99) * 1e3, megabytes(memory.end), megabytes(memory.end - memory.half),
      megabytes(peak_resident_bytes()));
  EXPECT_EQ(seen.broken, 0);
  EXPECT_EQ(seen.sent, seen.completed + seen.cancelled + seen.refused);
  EXPECT_GT(seen.completed, 0);
  EXPECT_GT(seen.cancelled, 0);
  EXPECT_GT(seen.refused, 0);

  ASSERT_TRUE(server.becomes_idle());
  const std::string ended = "vllm:request_success_total{";
  EXPECT_EQ(server.metric({ended, "\"length\""}) + server.metric({ended, "\"stop\""}),
            static_cast<double>(seen.completed));
  EXPECT_EQ(server.metric({ended, "\"abort\""}), static_cast<double>(seen.cancelled));
  EXPECT_EQ(server.metric({"vllm:admission_rejections_total{"}), static_cast<double>(seen.refused));
  if (GetParam().memory == Memory::kFlat) {
    EXPECT_LE(memory.end - memory.half, std::max(memory.half / 100, int64_t{4} << 20));
  }
}

TEST_P(LoadTest, AnIdleServerUsesLessThanAHundredthOfAProcessor) {
  const RealServer server({});
  LoadCounts seen;
  run_request(server.port(), 1, seen);
  ASSERT_TRUE(server.becomes_idle());
  const double before = processor_seconds();
  std::this_thread::sleep_for(std::chrono::duration<double>(GetParam().idle_seconds));
  const double used = processor_seconds() - before;
  fmt::print("load: idle for {:.0f} s: {:.2f}% of a processor\n", GetParam().idle_seconds,
             100.0 * used / GetParam().idle_seconds);
  EXPECT_LT(used, 0.01 * GetParam().idle_seconds);
}

constexpr auto kName = [](const auto& test) {
  return test.param.memory == Memory::kFlat ? "Release" : "Sanitized";
};

INSTANTIATE_TEST_SUITE_P(
    Short, LoadTest,
    testing::Values(
        Plan{.clients = 16, .seconds = 12.0, .idle_seconds = 3.0, .memory = Memory::kFlat},
        Plan{.clients = 16, .seconds = 12.0, .idle_seconds = 3.0, .memory = Memory::kIgnored}),
    kName);
INSTANTIATE_TEST_SUITE_P(
    Long, LoadTest,
    testing::Values(
        Plan{.clients = 64, .seconds = 120.0, .idle_seconds = 10.0, .memory = Memory::kFlat},
        Plan{.clients = 64, .seconds = 120.0, .idle_seconds = 10.0, .memory = Memory::kIgnored}),
    kName);

}  // namespace
}  // namespace dak
