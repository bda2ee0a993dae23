#include "simulation/schedule_runner.h"

#include <algorithm>
#include <deque>
#include <random>
#include <utility>

#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/plan_builder.h"

namespace dak {
namespace {

/// One run in progress. Handles are indices of requests plus one.
class Turns final {
 public:
  Turns(Executor& executor, ModelTap& tap, GridScheduler& scheduler)
      : executor_(executor), tap_(tap), scheduler_(scheduler) {}

  void enter(const std::vector<TimedRequest>& requests, int64_t turn) {
    run.requests.resize(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      if (requests[i].arrival == turn) {
        const Status status = scheduler_.accepts(requests[i].request);
        check(status.has_value(), "a schedule has a request that cannot be served");
        scheduler_.add(i + 1, requests[i].request);
      }
      if (requests[i].cancel == turn) {
        if (std::optional<Outcome> outcome = scheduler_.cancel(i + 1)) {
          take(std::move(*outcome));
        }
      }
    }
    scheduler_.check_invariants();
  }

  /// Launches the next step if there is one.
  bool launch() {
    std::optional<StepPlan> plan = scheduler_.plan();
    scheduler_.check_invariants();
    if (!plan.has_value()) {
      return false;
    }
    executor_.launch(*plan);
    plans_.push_back(std::move(*plan));
    ++run.steps;
    return true;
  }

  void read() {
    Result<std::vector<StepResult>> results = executor_.wait();
    check(results.has_value(), "a rank died");
    const StepPlan plan = std::move(plans_.front());
    plans_.pop_front();
    std::map<uint64_t, std::vector<float>> drawn_from;
    for (size_t g = 0; g < plan.groups.size(); ++g) {
      look_at(plan.groups[g], tap_.take(g), drawn_from);
    }
    for (Outcome& outcome : scheduler_.commit(std::move(*results))) {
      if (!outcome.event.tokens.empty()) {
        run.requests[outcome.handle - 1].logits.push_back(drawn_from.at(outcome.handle));
      }
      take(std::move(outcome));
    }
    scheduler_.check_invariants();
  }

  [[nodiscard]] int64_t open_steps() const { return std::ssize(plans_); }

  ScheduleRun run;

 private:
  void look_at(const GroupPlan& group, const TappedForward& seen,
               std::map<uint64_t, std::vector<float>>& drawn_from) {
    size_t drawn = 0;
    for (size_t b = 0; b < group.sequences.size(); ++b) {
      const SequencePlan& sequence = group.sequences[b];
      if (sequence.draws()) {
        drawn_from.emplace(sequence.handle, seen.logits.at(drawn++));
      }
      if (!seen.states[b].blocks.empty()) {
        run.requests[sequence.handle - 1].states[seen.states[b].position] = seen.states[b];
      }
    }
  }

  void take(Outcome outcome) {
    RequestRun& request = run.requests[outcome.handle - 1];
    check(!request.finish.has_value(), "a request hears something after its end");
    for (GeneratedToken& token : outcome.event.tokens) {
      request.tokens.push_back(std::move(token));
    }
    request.finish = outcome.event.finish;
    request.message = outcome.event.message;
  }

  Executor& executor_;
  ModelTap& tap_;
  GridScheduler& scheduler_;
  std::deque<StepPlan> plans_;
};

int64_t or_most(int64_t value, int64_t most) {
  return value > 0 ? std::min(value, most) : most;
}

int64_t last_arrival(const std::vector<TimedRequest>& requests) {
  int64_t last = 0;
  for (const TimedRequest& request : requests) {
    last = std::max(last, request.arrival);
  }
  return last;
}

}  // namespace

ScheduleRunner::ScheduleRunner(Parts parts)
    : parts_(std::move(parts)),
      tap_(std::make_unique<ModelTap>(parts_.state_positions, parts_.least_page_bytes)) {
  auto executor = Executor::start({.load = tap_->wrap(parts_.load),
                                   .load_args = parts_.load_args,
                                   .decode_steps = parts_.decode_steps});
  check(executor.has_value(), executor.has_value() ? "" : executor.error().message);
  executor_ = std::move(*executor);
  const CacheSpec& spec = executor_->cache_spec();
  const int64_t seqs = parts_.max_num_seqs;
  const int64_t tokens = parts_.max_step_tokens + seqs + kMaxListEntries;
  arena_bytes_ = CachePool::bytes_for(spec, seqs * pages_of_longest(), seqs, seqs);
  const Status status =
      executor_->prepare({.limits = {.tokens = tokens,
                                     .sequences = seqs,
                                     .slots = seqs,
                                     .max_pages = pages_of_longest(),
                                     .arena_bytes = arena_bytes_,
                                     .cache = spec,
                                     .list_entries = seqs * kMaxListEntries},
                          .workspace_bytes = executor_->workspace_bytes(
                              {.tokens = tokens, .sequences = seqs, .logit_rows = seqs})});
  check(status.has_value(), "no memory for a tiny model");
}

ScheduleRunner::~ScheduleRunner() = default;

int64_t ScheduleRunner::pages_of_longest() const {
  return CachePool::pages_for(executor_->cache_spec(), parts_.max_model_len);
}

ScheduleRun ScheduleRunner::run(const std::vector<TimedRequest>& requests,
                                const Variation& variation) {
  const int64_t seqs = or_most(variation.max_num_seqs, parts_.max_num_seqs);
  const int64_t carries = or_most(variation.carries, seqs);
  const int64_t wanted = CachePool::bytes_for(cache_spec(), variation.pages, 1, 1);
  GridScheduler scheduler(
      {.grid = parts_.load_args.grid(),
       .pool = {.spec = cache_spec(),
                .arena_bytes = variation.pages > 0 ? wanted : arena_bytes_,
                .slots = seqs,
                .carries = carries,
                .placement_seed = variation.placement_seed},
       .scheduler = {.max_model_len = parts_.max_model_len,
                     .max_num_seqs = seqs,
                     .max_step_tokens = or_most(variation.max_step_tokens, parts_.max_step_tokens),
                     .forecast_tokens = variation.forecast_tokens,
                     .cut = variation.cut}});
  std::mt19937_64 random(variation.lag_seed);
  Turns turns(*executor_, *tap_, scheduler);
  const int64_t last = last_arrival(requests);
  for (int64_t turn = 0; turn <= last || !scheduler.idle() || turns.open_steps() > 0; ++turn) {
    turns.enter(requests, turn);
    const bool launched = turns.launch();
    const bool late = variation.lag_seed == 0 || random() % 2 == 0;
    const int64_t allowed = launched && late ? Executor::kDepth - 1 : 0;
    while (turns.open_steps() > (launched ? allowed : 0)) {
      turns.read();
    }
  }
  turns.run.preemptions = scheduler.counts().preemptions;
  const PoolCounts left = scheduler.pool_counts();
  check(left.pages_used == 0 && left.slots_used == 0, "a schedule leaves memory taken");
  return std::move(turns.run);
}

RequestRun ScheduleRunner::run_alone(const GenerationRequest& request) {
  ScheduleRun run_of_one = run({{.request = request}}, {});
  return std::move(run_of_one.requests.front());
}

}  // namespace dak
