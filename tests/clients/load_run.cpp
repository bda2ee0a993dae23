#include "clients/load_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>

#include "clients/real_server.h"
#include "dakkar/base/clock.h"
#include "support/http_client.h"

namespace dak {
namespace {

constexpr double kShortestGap = 1e-6;
constexpr double kBucketsPerFactor = 12.0;  ///< of e

void sleep_seconds(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

}  // namespace

void GapCounts::add(double seconds) {
  const double place = kBucketsPerFactor * std::log(std::max(seconds, kShortestGap) / kShortestGap);
  const auto bucket = std::min(static_cast<size_t>(place), buckets_.size() - 1);
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
}

int64_t GapCounts::total() const {
  int64_t sum = 0;
  for (const auto& bucket : buckets_) {
    sum += bucket;
  }
  return sum;
}

double GapCounts::quantile(double share) const {
  const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(total())));
  int64_t sum = 0;
  for (size_t i = 0; i < buckets_.size() && wanted > 0; ++i) {
    sum += buckets_[i];
    if (sum >= wanted) {
      return kShortestGap * std::exp(static_cast<double>(i + 1) / kBucketsPerFactor);
    }
  }
  return 0.0;
}

void run_request(uint16_t port, int64_t number, LoadCounts& seen) {
  HttpClient client(port);
  const bool leaves = number % 3 == 0;
  const std::string body = fmt::format(
      R"({{"prompt":"request {}","stream":true,"ignore_eos":true,"seed":{},"max_tokens":{}}})",
      number, number, leaves ? 1500 : 8 + number % 17);
  ++seen.sent;
  client.request("POST /v1/completions", body);
  const HttpAnswer head = client.read_head();
  if (head.status == 429) {
    (head.field("retry-after").empty() ? seen.broken : seen.refused)++;
    return;
  }
  int events = 0;
  std::string last;
  SteadyTime before = steady_now();
  while (const auto event = client.next_event()) {
    const SteadyTime now = steady_now();
    if (events > 0) {
      seen.gaps.add(seconds_between(before, now));
    }
    before = now;
    last = *event;
    if (++events == 2 && leaves) {
      client.close();
      ++seen.cancelled;
      return;
    }
  }
  (head.status == 200 && last == "data: [DONE]" ? seen.completed : seen.broken)++;
}

LoadMemory run_load(const LoadArgs& args, LoadCounts& seen) {
  std::atomic<bool> stop = false;
  std::atomic<int64_t> next = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < args.clients; ++c) {
    clients.emplace_back([&] {
      while (!stop) {
        const int64_t refused = seen.refused;
        run_request(args.port, next++, seen);
        if (seen.refused != refused) {
          sleep_seconds(0.05);
        }
      }
    });
  }
  LoadMemory memory;
  sleep_seconds(args.seconds / 2);
  memory.half = resident_bytes();
  sleep_seconds(args.seconds / 2);
  memory.end = resident_bytes();
  stop = true;
  for (std::thread& client : clients) {
    client.join();
  }
  return memory;
}

}  // namespace dak
