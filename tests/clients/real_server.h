#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/device/backend.h"
#include "dakkar/server/http_server.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/weight_set.h"
#include "support/test_server.h"

namespace dak {

/// A server on a free port over the real engine and a tiny checkpoint.
class RealServer final {
 public:
  struct Args {
    int64_t max_num_seqs = 8;
    int64_t max_queued = 12;
  };
  explicit RealServer(const Args& args);

  [[nodiscard]] uint16_t port() const { return http_->port(); }
  [[nodiscard]] EngineStats stats() const { return engine_->stats(); }
  [[nodiscard]] int64_t connections() const { return http_->connections(); }

  /// Waits until the engine has nothing to do and no connection is left; false when that takes too
  /// long.
  [[nodiscard]] bool becomes_idle() const;
  /// The value of the series in /metrics whose line holds all of `parts`; -1 when there is none.
  [[nodiscard]] double metric(const std::vector<std::string>& parts) const;

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

/// Bytes of this process that are in memory now.
[[nodiscard]] int64_t resident_bytes();
/// The most bytes that have been in memory.
[[nodiscard]] int64_t peak_resident_bytes();
/// Processor time that this process has used, all threads together.
[[nodiscard]] double processor_seconds();

}  // namespace dak
