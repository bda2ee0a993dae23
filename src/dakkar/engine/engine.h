#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dakkar/base/clock.h"
#include "dakkar/base/error.h"
#include "dakkar/base/rank_grid.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/engine/model_loader.h"
#include "dakkar/engine/request.h"
#include "dakkar/engine/scheduling.h"
#include "dakkar/model/cache_spec.h"

namespace dak {

class Backend;
class WeightSet;
struct ModelConfig;
struct QuantConfig;

class TokenBytes;

/// Limits and sizes of an engine; zeros mean "computed from memory and the checkpoint".
struct EngineConfig {
  RankGrid grid{};
  int64_t max_model_len = 0;    ///< tokens of prompt and output; 0: the checkpoint's
  int64_t max_num_seqs = 0;     ///< sequences in a step of all groups together; 0: 256, or fewer
  int64_t max_step_tokens = 0;  ///< token budget of a dp group's step; 0: 2,048
  int64_t max_queued = 1024;    ///< inbox; more are refused with kResourceExhausted
  int64_t reserved_bytes = 0;   ///< of the memory limit, for others in this process
  int64_t cache_bytes = 0;      ///< arena per rank; 0: memory limit less weights less 10%
  double stall_seconds = 10.0;  ///< a step or loop standing longer counts as a stall
  SchedulingPolicy policy = SchedulingPolicy::kFifo;
  Numerics numerics = Numerics::kShipped;
  StateStorage state = StateStorage::kAuto;
  int64_t forecast_tokens = 256;  ///< output that admission reserves, if max_tokens is not lower
  uint64_t placement_seed = 0;    ///< tests: not 0 scatters pages, state blocks and slots
};

/// A look at the engine, all dp groups together, cheap enough to take at every metrics scrape and
/// health probe.
struct EngineStats {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t pages_total = 0;
  int64_t pages_used = 0;
  int64_t slots_total = 0;
  int64_t slots_used = 0;
  int64_t steps = 0;
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t preemptions = 0;
  int64_t admitted = 0;
  int64_t refused = 0;
  int64_t finished_stop = 0;
  int64_t finished_length = 0;
  int64_t finished_abort = 0;
  int64_t finished_error = 0;
  double seconds_since_progress = 0.0;  ///< since the loop last turned over, or the step began
  bool alive = true;                    ///< false for good once a rank or the loop has ended
  bool stalled = false;                 ///< a step or the loop stands longer than stall_seconds
  std::string waits_for;                ///< during a stall, for people: step and ranks behind
  int64_t weight_bytes = 0;             ///< packed, of all ranks together
};

/// Serves requests over one loaded model: continuous batching on the engine thread, one thread per
/// rank. Thread-safe. Destroying it cancels what runs and joins its threads.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Queues a request. `wake` is called on the engine thread after each event is published.
  /// Errors: kResourceExhausted (queue full), kInvalidArgument (does not fit max_model_len, an id
  /// out of the vocabulary), kUnavailable (draining or dead).
  [[nodiscard]] virtual Result<std::unique_ptr<TokenStream>> submit(GenerationRequest request,
                                                                    std::function<void()> wake) = 0;

  /// Ends a request at once; its stream closes after at most one more step. Unknown handles are
  /// ignored. Destroying a stream before its last event does the same.
  virtual void cancel(uint64_t handle) = 0;

  /// Refuses new requests and waits until the running ones end, at most `seconds`; then aborts
  /// them.
  virtual void drain(double seconds) = 0;

  [[nodiscard]] virtual EngineStats stats() const = 0;
  [[nodiscard]] virtual int64_t max_model_len() const = 0;
  [[nodiscard]] virtual int64_t max_num_seqs() const = 0;
  [[nodiscard]] virtual const CacheSpec& cache_spec() const = 0;
};

/// What an engine is made from; everything borrowed outlives it.
struct EngineParts {
  const Backend* backend = nullptr;
  const ModelConfig* config = nullptr;
  const QuantConfig* quant = nullptr;
  const WeightSet* weights = nullptr;       ///< reports its own loading progress
  const TokenBytes* token_bytes = nullptr;  ///< may be null: stop strings are then refused
  EngineConfig limits;
  ModelLoader load;             ///< empty: `load_model`
  CutRule cut = cut_at_chunks;  ///< tests: other prefill cuts
};

/// Loads the model on all ranks, sizes the cache, starts the threads.
/// Errors: the weights' own; kResourceExhausted when memory holds not one sequence of
/// max_model_len, naming the one number to change.
[[nodiscard]] Result<std::unique_ptr<Engine>> start_engine(const EngineParts& parts);

}  // namespace dak
