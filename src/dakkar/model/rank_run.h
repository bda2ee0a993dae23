#pragma once

#include <memory>
#include <vector>

#include "dakkar/device/communicator.h"
#include "dakkar/model/logits_run.h"

namespace dak {

/// What one rank needs to run its part of a `LogitsArgs`.
struct RankRunArgs {
  const LogitsArgs* run = nullptr;
  const Model* model = nullptr;
  int rank = 0;
};

/// One rank's results for its group's sequence; logits are whole on every rank, states are the
/// rank's own heads.
struct RankRun {
  std::vector<float> logits;
  std::vector<float> mtp_logits;
  std::vector<MambaLayerState> states;
};

/// One rank's memory for a run: opened before the rank threads start, so that running cannot fail.
class RankRunner final {
 public:
  /// Errors: no memory.
  static Result<RankRunner> open(const RankRunArgs& args);
  RankRunner(RankRunner&&) noexcept;
  ~RankRunner();

  /// Runs all chunks and decode steps; blocks with the other ranks of `world`.
  [[nodiscard]] RankRun run(std::unique_ptr<Communicator> world);

 private:
  struct Parts;
  explicit RankRunner(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace dak
