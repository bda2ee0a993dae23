#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/request.h"
#include "dakkar/engine/scheduling.h"
#include "dakkar/engine/sequence.h"
#include "dakkar/engine/step_plan.h"
#include "dakkar/engine/token_bytes.h"

namespace dak {

/// Sizes and rules of a scheduler.
struct SchedulerConfig {
  int64_t max_model_len = 0;
  int64_t max_num_seqs = 0;
  int64_t max_step_tokens = 0;    ///< raised to max_num_seqs + 128: a prefill always moves on
  int64_t forecast_tokens = 256;  ///< output reserved at admission, if the limit is not lower
  SchedulingPolicy policy = SchedulingPolicy::kFifo;
  const TokenBytes* token_bytes = nullptr;
  CutRule cut = cut_at_chunks;  ///< tests: other cuts
};

/// What to tell a request's stream.
struct Outcome {
  uint64_t handle = 0;
  GenerationEvent event;
};

/// Counts for metrics.
struct SchedulerCounts {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t prompt_tokens = 0;  ///< computed, recomputed ones included
  int64_t generated_tokens = 0;
  int64_t preemptions = 0;
  int64_t admitted = 0;  ///< sequences, each once
};

/// Decides what each step computes. Pure policy: no device, no threads, no clock.
///
/// `plan` may be called again before the result of the last plan is known: every sequence is then
/// assumed to go on, and `commit` drops what came of those that had ended. Every running sequence
/// decodes in every step; prefills share the rest of the token budget, oldest first. A sequence is
/// admitted when its prompt and a forecast of its output fit beside what the running ones have been
/// promised; when a forecast was too low, the youngest (or least urgent) sequence gives up its
/// memory, waits at its old place and is computed again from its known tokens.
class Scheduler final {
 public:
  /// `pool` outlives the scheduler.
  Scheduler(const SchedulerConfig& config, CachePool& pool);
  ~Scheduler();

  /// The budget in force.
  [[nodiscard]] int64_t max_step_tokens() const { return config_.max_step_tokens; }

  /// Whether `request` can ever be served; safe from any thread. Errors, `kInvalidArgument`: an
  /// empty prompt, ids outside the vocabulary, a prompt that leaves no room for output, more memory
  /// than there is, stop strings without token bytes, over-long lists.
  [[nodiscard]] Status accepts(const GenerationRequest& request) const;

  /// Queues a request that `accepts` let through. `handle` is larger than all before.
  void add(uint64_t handle, GenerationRequest request);
  /// Ends a sequence: the next plan leaves it out. Nothing for unknown handles.
  [[nodiscard]] std::optional<Outcome> cancel(uint64_t handle);
  /// Ends all sequences in one way.
  [[nodiscard]] std::vector<Outcome> end_all(FinishReason reason, const std::string& message);

  /// The next step; nothing when no sequence can move before a result is committed.
  /// Of this group: the plan has one.
  [[nodiscard]] std::optional<StepPlan> plan();
  /// Takes the result of the oldest plan not yet committed.
  [[nodiscard]] std::vector<Outcome> commit(const StepResult& result);

  [[nodiscard]] bool idle() const { return sequences_.empty(); }
  [[nodiscard]] int64_t steps_in_flight() const { return std::ssize(launched_); }
  [[nodiscard]] SchedulerCounts counts() const;
  /// Tokens that its sequences stand for: known ones and a forecast of their output.
  [[nodiscard]] int64_t load_tokens() const;

  /// Aborts when bookkeeping contradicts itself; for tests, after each step.
  void check_invariants() const;

 private:
  /// A row of a launched plan.
  struct LaunchedRow {
    uint64_t handle;
    Draw draw;
  };
  struct Launched {
    uint64_t step;
    std::vector<LaunchedRow> rows;
  };
  struct Before {
    bool operator()(const Sequence* a, const Sequence* b) const { return a->before(*b); }
  };
  /// A plan in the making.
  struct Draft {
    std::vector<std::pair<Sequence*, int64_t>> decodes;  ///< with their number of rows
    std::vector<std::pair<Sequence*, int64_t>> prefills;
    int64_t room = 0;  ///< tokens left for prefill
    bool short_of_memory = false;
  };

  void plan_running(Draft& draft);
  void admit(Draft& draft);
  [[nodiscard]] bool try_admit(Sequence& sequence, Draft& draft);
  [[nodiscard]] int64_t prefill_rows(const Sequence& sequence, int64_t end, int64_t room) const;
  void plan_prefill(Sequence& sequence, int64_t rows, Draft& draft);
  [[nodiscard]] bool hold_pages(Sequence& sequence, int64_t tokens);
  [[nodiscard]] Sequence* worst_after(const Sequence& sequence) const;
  void preempt(Sequence& sequence);
  void release(Sequence& sequence);
  void release_carry(Sequence& sequence);
  [[nodiscard]] int64_t promised_pages(const Sequence& sequence) const;
  [[nodiscard]] StepPlan launch(const Draft& draft);
  [[nodiscard]] int64_t output_limit(const GenerationRequest& request) const;
  [[nodiscard]] Outcome end(Sequence& sequence, GenerationEvent event);
  [[nodiscard]] Outcome commit_token(Sequence& sequence, const SampledToken& token);

  SchedulerConfig config_;
  CachePool& pool_;
  std::unordered_map<uint64_t, std::unique_ptr<Sequence>> sequences_;
  std::set<Sequence*, Before> running_;
  std::set<Sequence*, Before> waiting_;
  std::deque<Launched> launched_;
  uint64_t last_step_ = 0;
  SchedulerCounts counts_;
};

}  // namespace dak
