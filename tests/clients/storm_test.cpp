#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "clients/load_run.h"
#include "clients/real_server.h"
#include "dakkar/base/clock.h"
#include "support/http_client.h"

namespace dak {
namespace {

using namespace std::chrono_literals;

constexpr int kClients = 8;
constexpr std::string_view kEndless =
    R"({"prompt":"storm","stream":true,"ignore_eos":true,"max_tokens":1500})";

/// What a client of the storm does instead of waiting for its answer.
enum class Mischief {
  kGoneBeforeTheHeader,
  kGoneInTheHeader,
  kGoneInTheBody,
  kGoneBeforeTheAnswer,
  kGoneInTheStream,
  kHalfClosed,
  kPromptTooLong,
  kNoJson,
  kCount,
};

void send_request(const HttpClient& client, std::string_view body) {
  client.request("POST /v1/completions", body);
}

/// Half of a request that announces more.
void send_part(const HttpClient& client, std::string_view part) {
  client.send("POST /v1/completions HTTP/1.1\r\nhost: test\r\ncontent-le");
  client.send(part);
}

/// One connection that misbehaves; false when the server broke its word to it.
bool misbehave(uint16_t port, Mischief what, LoadCounts& seen) {
  HttpClient client(port);
  switch (what) {
    case Mischief::kGoneBeforeTheHeader:
      return true;
    case Mischief::kGoneInTheHeader:
      send_part(client, "");
      return true;
    case Mischief::kGoneInTheBody:
      send_part(client, "ngth: 1000\r\n\r\n{\"prompt\":\"");
      return true;
    case Mischief::kGoneBeforeTheAnswer:
      ++seen.sent;
      send_request(client, kEndless);
      return true;
    case Mischief::kGoneInTheStream: {
      ++seen.sent;
      send_request(client, kEndless);
      const int status = client.read_head().status;
      return status == 429 || (status == 200 && client.next_event().has_value());
    }
    case Mischief::kHalfClosed: {
      ++seen.sent;
      send_request(client, R"({"prompt":"half","ignore_eos":true,"max_tokens":5})");
      client.close_sending();
      const int status = client.read_answer().status;
      seen.completed += status == 200 ? 1 : 0;
      return status == 200 || status == 429;
    }
    case Mischief::kPromptTooLong:
      send_request(client, fmt::format(R"({{"user":"{}","prompt":"{}"}})",
                                       std::string(1 << 20, 'u'), std::string(20'000, 'a')));
      return client.read_answer().status == 400;
    case Mischief::kNoJson:
      send_request(client, std::string(100'000, '['));
      return client.read_answer().status == 400;
    case Mischief::kCount:
      break;
  }
  return false;
}

/// Clients that ask for a long stream and take nothing of it.
std::vector<std::unique_ptr<HttpClient>> open_slow_readers(uint16_t port, int count) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port));
    clients.back()->shrink_receive_buffer(2048);
    send_request(*clients.back(), kEndless);
  }
  return clients;
}

/// Connections that were opened, said half a request, and stay.
std::vector<std::unique_ptr<HttpClient>> open_halfway(uint16_t port, int count) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<HttpClient>(port));
    send_part(*clients.back(), i % 2 == 0 ? "" : "ngth: 9\r\n\r\n{");
  }
  return clients;
}

class StormTest : public testing::TestWithParam<double> {
 protected:
  /// Misbehaves from many sides for the given time; counts connections and broken promises.
  void storm(uint16_t port) {
    const SteadyTime begin = steady_now();
    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([this, c, begin, port] {
        std::minstd_rand dice(static_cast<unsigned>(c + 1));
        while (seconds_between(begin, steady_now()) < GetParam()) {
          const auto what = static_cast<Mischief>(dice() % static_cast<unsigned>(Mischief::kCount));
          broken_ += misbehave(port, what, seen_) ? 0 : 1;
          ++connections_;
        }
      });
    }
    for (std::thread& client : clients) {
      client.join();
    }
  }

  LoadCounts seen_;
  std::atomic<int64_t> connections_ = 0;
  std::atomic<int64_t> broken_ = 0;
};

TEST_P(StormTest, BadClientsHoldUpNobodyAndLeaveNothingBehind) {
  const RealServer server({.max_num_seqs = 8, .max_queued = 16});
  auto slow = open_slow_readers(server.port(), 4);
  auto halfway = open_halfway(server.port(), 32);
  storm(server.port());
  const HttpAnswer calm =
      http_post(server.port(), "/v1/completions", R"({"prompt":"calm","max_tokens":4})");
  EXPECT_EQ(calm.status, 200);
  halfway.clear();
  slow.clear();
  EXPECT_TRUE(server.becomes_idle());
  EXPECT_EQ(server.stats().slots_used, 0);
  EXPECT_EQ(server.stats().pages_used, 0);
  EXPECT_EQ(broken_, 0);
  EXPECT_GT(seen_.completed, 0);
  fmt::print("load: storm of {} connections in {:.0f} s, {} requests, {} served to half-closed\n",
             connections_.load(), GetParam(), seen_.sent.load(), seen_.completed.load());
}

TEST_P(StormTest, AnOverloadedServerSaysWhenToComeBack) {
  const RealServer server({.max_num_seqs = 1, .max_queued = 1});
  std::vector<std::unique_ptr<HttpClient>> holding;
  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    holding.push_back(std::make_unique<HttpClient>(server.port()));
    send_request(*holding.back(), kEndless);
  }
  for (const auto& client : holding) {
    const HttpAnswer head = client->read_head();
    if (head.status == 429) {
      ++refused;
      EXPECT_GE(std::atoi(head.field("retry-after").c_str()), 1);
    }
  }
  EXPECT_GE(refused, 1);
  holding.clear();
  EXPECT_TRUE(server.becomes_idle());
}

const auto kName = [](const auto& test) { return fmt::format("{:.0f}s", test.param); };

INSTANTIATE_TEST_SUITE_P(Short, StormTest, testing::Values(4.0), kName);
INSTANTIATE_TEST_SUITE_P(Long, StormTest, testing::Values(300.0), kName);

}  // namespace
}  // namespace dak
