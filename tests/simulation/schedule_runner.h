#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "dakkar/engine/executor.h"
#include "dakkar/engine/grid_scheduler.h"
#include "dakkar/engine/request.h"
#include "simulation/model_tap.h"

namespace dak {

/// A request with the turns of the schedule at which things happen to it.
struct TimedRequest {
  GenerationRequest request;
  int64_t arrival = 0;
  int64_t cancel = -1;  ///< -1: never
};

/// How a schedule is run. Zeros: as large as the runner allows.
struct Variation {
  int64_t pages = 0;    ///< a group's pool has room for that many pages beside one state
  int64_t carries = 0;  ///< of a model that has them; 0: one for each sequence
  int64_t max_num_seqs = 0;
  int64_t max_step_tokens = 0;
  int64_t forecast_tokens = 256;
  uint64_t placement_seed = 0;  ///< not 0: pages, blocks and slots anywhere
  uint64_t lag_seed = 0;        ///< not 0: results are read late or at once, at random
  CutRule cut = cut_at_chunks;
};

/// What became of one request.
struct RequestRun {
  std::vector<GeneratedToken> tokens;
  std::vector<std::vector<float>> logits;   ///< what each token was drawn from
  std::map<int64_t, StateSnapshot> states;  ///< by position
  std::optional<FinishReason> finish;
  std::string message;
};

/// What became of a schedule; requests in the order given.
struct ScheduleRun {
  std::vector<RequestRun> requests;
  int64_t preemptions = 0;
  int64_t steps = 0;
};

/// Runs schedules on one loaded model, turn by turn and repeatably, checking the scheduler's
/// invariants after each: everything but the engine's thread. Memory stays as the last run left it.
class ScheduleRunner final {
 public:
  struct Parts {
    ModelLoader load;
    ModelLoadArgs load_args;
    int64_t max_model_len = 1024;
    int64_t max_num_seqs = 8;
    int64_t max_step_tokens = 1024;
    std::set<int64_t> state_positions = {};  ///< where states are looked at
    int64_t least_page_bytes = 0;  ///< pages take at least that much, so that few fill a pool
    DecodeSteps decode_steps = DecodeSteps::kCaptured;
  };

  /// Loads the model and takes memory; aborts on errors.
  explicit ScheduleRunner(Parts parts);
  ~ScheduleRunner();

  [[nodiscard]] ScheduleRun run(const std::vector<TimedRequest>& requests,
                                const Variation& variation);
  /// One request with nobody beside it.
  [[nodiscard]] RequestRun run_alone(const GenerationRequest& request);

  [[nodiscard]] const CacheSpec& cache_spec() const { return executor_->cache_spec(); }
  /// Pages that a sequence of `max_model_len` takes.
  [[nodiscard]] int64_t pages_of_longest() const;

 private:
  const Parts parts_;
  std::unique_ptr<ModelTap> tap_;
  std::unique_ptr<Executor> executor_;
  int64_t arena_bytes_ = 0;
};

}  // namespace dak
