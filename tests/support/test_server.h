#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "dakkar/server/http_server.h"
#include "support/fake_engine.h"
#include "support/http_client.h"

namespace dak {

/// A server on a free port over a `FakeEngine`, with the tiny tokenizer and chat template of the
/// test checkpoints. Temperature, stop ids and context length are the fake's.
class TestServer final {
 public:
  enum class Start { kReady, kLoading };

  struct Args {
    ServerConfig config;
    FakeEngineConfig engine;
    Start start = Start::kReady;
  };
  TestServer() : TestServer(Args{}) {}
  explicit TestServer(Args args);

  [[nodiscard]] uint16_t port() const { return http_->port(); }
  [[nodiscard]] FakeEngine& engine() { return engine_; }
  [[nodiscard]] HttpServer& http() { return *http_; }
  [[nodiscard]] ServerState& state() { return state_; }
  /// Ends loading.
  void become_ready();

  [[nodiscard]] HttpAnswer get(std::string_view path, std::string_view fields = "") const {
    return http_get(port(), path, fields);
  }
  [[nodiscard]] HttpAnswer post(std::string_view path, std::string_view body,
                                std::string_view fields = "") const {
    return http_post(port(), path, body, fields);
  }
  /// The value of a metric's only series, or of the one with these labels; -1 when it is not there.
  [[nodiscard]] double metric(std::string_view name, std::string_view label = "") const;

 private:
  const ServerConfig config_;
  ServerState state_;
  MetricRegistry registry_{{{"model_name", "tiny"}, {"engine", "0"}}};
  ServerApp app_;
  FakeEngine engine_;
  CheckpointText text_;
  ServedModel model_;
  std::unique_ptr<HttpServer> http_;
};

/// The model that tests are served: vocabulary of 256, stop id 2.
[[nodiscard]] ServedModel tiny_served_model();

/// The tokenizer and chat template of the tiny test checkpoints.
[[nodiscard]] CheckpointText tiny_text();

}  // namespace dak
