#include "dakkar/engine/engine_loop.h"

#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/core.h>

#include "dakkar/base/log.h"

namespace dak {

EngineLoop::EngineLoop(Parts parts, StreamTable& streams)
    : streams_(streams),
      executor_(std::move(parts.executor)),
      scheduler_(parts.scheduler),
      // Bounded by its senders: submits by max_queued, cancels by the streams there are.
      inbox_(std::numeric_limits<size_t>::max()),
      weight_bytes_(executor_->weight_bytes()) {
  refresh_stats();
}

void EngineLoop::run() {
  Status status;
  try {
    while (status.has_value() && take_commands()) {
      status = turn();
    }
  } catch (const std::exception& error) {
    status = fail(ErrorCode::kInternal, error.what());
  }
  heartbeat_.die();
  inbox_.close();
  if (status.has_value()) {
    end(FinishReason::kAbort, "the engine was stopped");
  } else {
    log_error("the engine died: " + status.error().message);
    end(FinishReason::kError, "the engine died: " + status.error().message);
  }
}

bool EngineLoop::take_commands() {
  heartbeat_.beat();
  if (scheduler_.idle() && scheduler_.steps_in_flight() == 0) {
    heartbeat_.rest();
    std::optional<EngineCommand> first = inbox_.pop();
    heartbeat_.beat();
    if (!first.has_value()) {
      return false;
    }
    obey(std::move(*first));
  }
  while (std::optional<EngineCommand> command = inbox_.try_pop()) {
    obey(std::move(*command));
  }
  return !inbox_.closed();
}

void EngineLoop::obey(EngineCommand command) {
  if (auto* submit = std::get_if<SubmitCommand>(&command)) {
    scheduler_.add(submit->handle, std::move(submit->request));
    refresh_stats();
    arriving_.fetch_sub(1);
  } else if (const auto* cancel = std::get_if<CancelCommand>(&command)) {
    if (std::optional<Outcome> outcome = scheduler_.cancel(cancel->handle)) {
      std::vector<Outcome> outcomes;
      outcomes.push_back(std::move(*outcome));
      publish(std::move(outcomes));
    }
  } else {
    publish(scheduler_.end_all(FinishReason::kAbort, "the server is shutting down"));
  }
}

Status EngineLoop::turn() {
  const std::optional<StepPlan> plan = scheduler_.plan();
  if (plan.has_value()) {
    note_launch(*plan);
    executor_->launch(*plan);
    ++steps_;
  }
  refresh_stats();
  const int64_t in_flight = scheduler_.steps_in_flight();
  if (in_flight == 0 || (plan.has_value() && in_flight < Executor::kDepth)) {
    return {};
  }
  Result<std::vector<StepResult>> results = executor_->wait();
  heartbeat_.beat();
  if (!results.has_value()) {
    return fail(std::move(results.error()));
  }
  publish(scheduler_.commit(std::move(*results)));
  refresh_stats();
  return {};
}

void EngineLoop::publish(std::vector<Outcome> outcomes) {
  for (Outcome& outcome : outcomes) {
    if (outcome.event.finish.has_value()) {
      count_finish(*outcome.event.finish);
    }
  }
  // Figures first: who reads a stream's end and then the figures finds it counted.
  refresh_stats();
  for (Outcome& outcome : outcomes) {
    streams_.publish(outcome.handle, std::move(outcome.event));
  }
}

void EngineLoop::count_finish(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      ++finished_.finished_stop;
      return;
    case FinishReason::kLength:
      ++finished_.finished_length;
      return;
    case FinishReason::kAbort:
      ++finished_.finished_abort;
      return;
    case FinishReason::kError:
      ++finished_.finished_error;
      return;
  }
}

void EngineLoop::refresh_stats() {
  const SchedulerCounts counts = scheduler_.counts();
  EngineStats stats = finished_;
  stats.running = counts.running;
  stats.waiting = counts.waiting;
  const PoolCounts pools = scheduler_.pool_counts();
  stats.pages_used = pools.pages_used;
  stats.pages_total = pools.pages_total;
  stats.slots_used = pools.slots_used;
  stats.slots_total = pools.slots_total;
  stats.steps = steps_;
  stats.prompt_tokens = counts.prompt_tokens;
  stats.generated_tokens = counts.generated_tokens;
  stats.preemptions = counts.preemptions;
  stats.admitted = counts.admitted;
  stats.weight_bytes = weight_bytes_;
  std::lock_guard lock(stats_mutex_);
  stats_ = stats;
}

void EngineLoop::note_launch(const StepPlan& plan) {
  int64_t tokens = 0;
  int64_t sequences = 0;
  for (const GroupPlan& group : plan.groups) {
    tokens += std::ssize(group.ids);
    sequences += std::ssize(group.sequences);
  }
  std::lock_guard lock(stats_mutex_);
  last_step_ = {
      .number = static_cast<int64_t>(plan.step), .tokens = tokens, .sequences = sequences};
}

Progress EngineLoop::progress() const {
  Progress now{.seconds_since = heartbeat_.seconds_since_beat(), .waits_for = {}};
  LaunchedStep last;
  {
    std::lock_guard lock(stats_mutex_);
    last = last_step_;
  }
  const std::vector<int64_t> done = executor_->steps_done();
  std::string behind;
  for (size_t rank = 0; rank < done.size(); ++rank) {
    if (done[rank] < last.number) {
      behind += fmt::format("{}rank {} has done {}", behind.empty() ? "" : ", ", rank, done[rank]);
    }
  }
  now.waits_for =
      behind.empty() ? fmt::format("all ranks have done step {}, the engine thread has not gone on",
                                   last.number)
                     : fmt::format("step {} of {} tokens and {} sequences was launched, {}",
                                   last.number, last.tokens, last.sequences, behind);
  return now;
}

EngineStats EngineLoop::stats() const {
  std::lock_guard lock(stats_mutex_);
  return stats_;
}

void EngineLoop::end(FinishReason reason, const std::string& message) {
  publish(scheduler_.end_all(reason, message));
  // Those that were still in the inbox have a stream but no sequence.
  GenerationEvent event;
  event.finish = reason;
  event.message = message;
  const int64_t ended = streams_.end_all(event);
  for (int64_t i = 0; i < ended; ++i) {
    count_finish(reason);
  }
  refresh_stats();
}

}  // namespace dak
