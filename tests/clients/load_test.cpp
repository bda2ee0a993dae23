#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "dakkar/device/backend.h"
#include "dakkar/server/http_server.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"
#include "support/http_client.h"
#include "support/test_server.h"

namespace dak {
namespace {

constexpr int kClients = 16;
constexpr int kRequestsPerClient = 6;
constexpr int kQueue = 12;  ///< fewer than clients, so that some are refused

/// A server over the real engine and a tiny checkpoint.
class RealServer final {
 public:
  RealServer() {
    const std::string folder = "tests/data/checkpoints/latent_bf16";
    model_config_ = ModelConfig::load(folder).value();
    quant_ = QuantConfig::load(folder).value();
    weights_.emplace(std::move(WeightSet::open(folder, model_config_).value()));
    text_ = std::move(CheckpointText::load(folder).value());
    Result<std::unique_ptr<Backend>> cpu = open_cpu();
    backend_ = cpu ? std::move(*cpu) : std::move(open_reference().value());
    EngineConfig limits;
    limits.max_model_len = 2048;
    limits.max_num_seqs = 8;
    limits.max_queued = kQueue;
    limits.stall_seconds = 120.0;
    engine_ = start_engine({.backend = backend_.get(),
                            .config = &model_config_,
                            .quant = &quant_,
                            .weights = &*weights_,
                            .token_bytes = text_.token_bytes(),
                            .limits = limits,
                            .load = {}})
                  .value();
    served_ = tiny_served_model();
    served_.max_model_len = engine_->max_model_len();
    served_.vocab = model_config_.vocab;
    config_.port = 0;
    state_.set_ready({.engine = engine_.get(), .text = &text_, .model = &served_, .before = {}});
    http_ = HttpServer::open(app_).value();
  }

  [[nodiscard]] uint16_t port() const { return http_->port(); }
  [[nodiscard]] EngineStats stats() const { return engine_->stats(); }

 private:
  ServerConfig config_;
  ServerState state_{120.0};
  MetricRegistry registry_{{{"model_name", "tiny"}, {"engine", "0"}}};
  ServerApp app_{config_, state_, registry_};
  ModelConfig model_config_;
  QuantConfig quant_;
  std::optional<WeightSet> weights_;
  CheckpointText text_;
  ServedModel served_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<HttpServer> http_;
};

/// What the clients saw.
struct Seen {
  std::atomic<int> sent = 0;
  std::atomic<int> completed = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int> refused = 0;
  std::atomic<int> broken = 0;
};

/// One streamed request; every third leaves after its second event.
void run_request(uint16_t port, int number, Seen& seen) {
  HttpClient client(port);
  const bool leaves = number % 3 == 0;
  const std::string body = fmt::format(
      R"({{"prompt":"request {}","stream":true,"ignore_eos":true,"seed":{},"max_tokens":{}}})",
      number, number, leaves ? 1500 : 8 + number % 17);
  ++seen.sent;
  client.request("POST /v1/completions", body);
  const int status = client.read_head().status;
  if (status == 429) {
    ++seen.refused;
    return;
  }
  int events = 0;
  std::string last;
  while (const auto event = client.next_event()) {
    last = *event;
    if (++events == 2 && leaves) {
      client.close();
      ++seen.cancelled;
      return;
    }
  }
  (status == 200 && last == "data: [DONE]" ? seen.completed : seen.broken)++;
}

/// The value of the series whose line holds all of `parts`; -1 when there is none.
double metric(const std::string& text, const std::vector<std::string>& parts) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const bool all = std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
      return line.find(part) != std::string::npos;
    });
    if (all && !line.starts_with('#')) {
      return std::atof(line.c_str() + line.rfind(' '));
    }
  }
  return -1.0;
}

/// Waits until the engine has nothing to do and the last disconnects have been noticed.
void wait_until_idle(const RealServer& server) {
  for (int i = 0; i < 400 && server.stats().running + server.stats().waiting > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

TEST(LoadTest, EveryRequestCompletesOrIsCancelledOrIsRefused) {
  const RealServer server;
  Seen seen;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      for (int r = 0; r < kRequestsPerClient; ++r) {
        run_request(server.port(), c * kRequestsPerClient + r, seen);
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  fmt::print("sent {}, completed {}, cancelled {}, refused {}, broken {}\n", seen.sent.load(),
             seen.completed.load(), seen.cancelled.load(), seen.refused.load(), seen.broken.load());
  EXPECT_EQ(seen.broken, 0);
  EXPECT_EQ(seen.sent, kClients * kRequestsPerClient);
  EXPECT_EQ(seen.sent, seen.completed + seen.cancelled + seen.refused);
  EXPECT_GT(seen.completed, 0);
  EXPECT_GT(seen.cancelled, 0);

  wait_until_idle(server);
  EXPECT_EQ(server.stats().running + server.stats().waiting, 0);
  const std::string text = http_get(server.port(), "/metrics").body;
  const std::string ended = "vllm:request_success_total{";
  EXPECT_EQ(metric(text, {ended, "\"length\""}) + metric(text, {ended, "\"stop\""}),
            seen.completed);
  EXPECT_EQ(metric(text, {ended, "\"abort\""}), seen.cancelled);
  EXPECT_EQ(metric(text, {"vllm:admission_rejections_total{"}), seen.refused);
}

}  // namespace
}  // namespace dak
