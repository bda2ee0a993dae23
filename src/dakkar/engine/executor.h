#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/engine/rank_worker.h"
#include "dakkar/engine/step_plan.h"
#include "dakkar/model/cache_spec.h"
#include "dakkar/model/model.h"

namespace dak {

/// What an executor is made from; everything borrowed outlives it.
struct ExecutorArgs {
  ModelLoader load;
  ModelLoadArgs load_args;  ///< of any rank: its grid is everyone's, `rank` is ignored
  DecodeSteps decode_steps = DecodeSteps::kCaptured;
};

/// Runs steps on all ranks of the grid, in lock-step.
///
/// Two steps may be under way: `launch` of the next one before `wait` for the last. One thread uses
/// it. Plans travel encoded, as they would to ranks of another process.
class Executor final {
  struct Token {};  ///< only `start` can name it

 public:
  static constexpr int64_t kDepth = 2;

  /// Starts the rank threads and loads their models side by side. Errors: the models' own.
  static Result<std::unique_ptr<Executor>> start(const ExecutorArgs& args);
  explicit Executor(Token token) { static_cast<void>(token); }
  ~Executor();

  [[nodiscard]] const CacheSpec& cache_spec() const;
  /// Packed weight bytes of all ranks together.
  [[nodiscard]] int64_t weight_bytes() const;
  /// Packed weight bytes of the rank that holds most.
  [[nodiscard]] int64_t rank_weight_bytes() const;
  /// Scratch bytes that one rank needs for steps within `limits`.
  [[nodiscard]] int64_t workspace_bytes(const StepLimits& limits) const;

  /// Takes the memory of all ranks, once, before the first step. Errors: `kResourceExhausted`.
  [[nodiscard]] Status prepare(const RankMemory& memory);

  /// Steps that each rank has done; from any thread.
  [[nodiscard]] std::vector<int64_t> steps_done() const;

  /// Starts a step; at most `kDepth` may be under way.
  void launch(const StepPlan& plan);
  /// Waits until every rank has done the oldest step under way; gives each dp group's result. An
  /// error means that a rank died: nothing more can be run.
  [[nodiscard]] Result<std::vector<StepResult>> wait();

 private:
  [[nodiscard]] Status wait_for_all();

  RankGrid grid_;
  std::vector<std::unique_ptr<RankWorker>> ranks_;
};

}  // namespace dak
