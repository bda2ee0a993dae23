#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dakkar/engine/scheduler.h"

/// For tests of the scheduler: it without ranks.
namespace dak::testing {

inline constexpr int64_t kExtent = int64_t{2} << 20;

/// Two pages of 128 tokens, or two blocks, in an extent of 2 MiB; a slot has two blocks.
inline CacheSpec test_spec() {
  return {.page_tokens = 128,
          .page_bytes = 1 << 20,
          .state_layers = 2,
          .state_layer_bytes = 1 << 20,
          .vocab = 100};
}

struct Sizes {
  CacheSpec spec = test_spec();
  int64_t extents = 64;
  int64_t seqs = 8;
  int64_t carries = 0;
  int64_t step_tokens = 512;
  int64_t model_len = 4096;
  int64_t forecast = 16;
  SchedulingPolicy policy = SchedulingPolicy::kFifo;
};

inline GenerationRequest request_of(int64_t prompt, int64_t max_tokens) {
  GenerationRequest request;
  request.prompt.assign(static_cast<size_t>(prompt), 3);
  request.stop.max_tokens = max_tokens;
  return request;
}

/// A scheduler whose steps are answered by the test: every draw gives token 1 unless told.
class Driver final {
 public:
  explicit Driver(const Sizes& sizes)
      : pool({.spec = sizes.spec,
              .arena_bytes = sizes.extents * kExtent,
              .slots = sizes.seqs,
              .carries = sizes.carries}),
        scheduler({.max_model_len = sizes.model_len,
                   .max_num_seqs = sizes.seqs,
                   .max_step_tokens = sizes.step_tokens,
                   .forecast_tokens = sizes.forecast,
                   .policy = sizes.policy},
                  pool) {}

  /// Plans a step and leaves its result open.
  std::optional<GroupPlan> plan() {
    std::optional<StepPlan> step = scheduler.plan();
    scheduler.check_invariants();
    if (!step.has_value()) {
      return std::nullopt;
    }
    open.push_back(std::move(*step));
    return open.back().groups.front();
  }

  /// Answers the oldest open step.
  std::vector<Outcome> commit(TokenId token = 1) {
    const GroupPlan& group = open.front().groups.front();
    StepResult result;
    result.step = open.front().step;
    result.failed.assign(group.sequences.size(), 0);
    SampledToken drawn;
    drawn.id = token;
    result.tokens.assign(static_cast<size_t>(group.draws()), drawn);
    open.erase(open.begin());
    std::vector<Outcome> outcomes = scheduler.commit(result);
    scheduler.check_invariants();
    return outcomes;
  }

  /// Runs one step ahead until all is done; gives each handle's tokens.
  std::map<uint64_t, int64_t> run_to_end() {
    std::map<uint64_t, int64_t> tokens;
    while (!scheduler.idle() || !open.empty()) {
      const bool planned = plan().has_value();
      if (open.size() < 2 && planned) {
        continue;
      }
      for (const Outcome& outcome : commit()) {
        tokens[outcome.handle] += std::ssize(outcome.event.tokens);
      }
    }
    return tokens;
  }

  CachePool pool;
  Scheduler scheduler;
  std::vector<StepPlan> open;
};

}  // namespace dak::testing
