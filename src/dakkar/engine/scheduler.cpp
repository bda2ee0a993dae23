#include "dakkar/engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "dakkar/base/check.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/engine/plan_builder.h"

namespace dak {
namespace {

GeneratedToken generated_from(const SampledToken& token) {
  GeneratedToken out;
  out.id = token.id;
  out.logprob = token.logprob;
  out.edge = token.edge;
  for (int32_t i = 0; i < token.top_count; ++i) {
    out.top.emplace_back(token.top_ids[i], token.top_logprobs[i]);
  }
  return out;
}

}  // namespace

int64_t cut_at_chunks(const CutQuestion& question) {
  const int64_t wanted = std::min(question.room, question.end - question.position);
  const int64_t stop = question.position + wanted;
  if (stop >= question.end) {
    return wanted;
  }
  return std::max<int64_t>(0, stop / kChunkTokens * kChunkTokens - question.position);
}

Scheduler::Scheduler(const SchedulerConfig& config, CachePool& pool)
    : config_(config), pool_(pool) {
  config_.max_step_tokens = std::max(config_.max_step_tokens, config_.max_num_seqs + kChunkTokens);
}

Scheduler::~Scheduler() = default;

void Scheduler::add(uint64_t handle, GenerationRequest request) {
  const int64_t limit = output_limit(request);
  auto stop = StopState::create(request.stop, limit, config_.token_bytes);
  check(stop.has_value() && limit > 0, "a request was queued that accepts() refuses");
  auto sequence = std::make_unique<Sequence>(handle, std::move(request), std::move(*stop));
  if (config_.policy == SchedulingPolicy::kPriority) {
    sequence->rank = sequence->request.priority;
  }
  waiting_.insert(sequence.get());
  sequences_.emplace(handle, std::move(sequence));
}

std::optional<Outcome> Scheduler::cancel(uint64_t handle) {
  const auto found = sequences_.find(handle);
  if (found == sequences_.end()) {
    return std::nullopt;
  }
  GenerationEvent event;
  event.finish = FinishReason::kAbort;
  return end(*found->second, std::move(event));
}

std::vector<Outcome> Scheduler::end_all(FinishReason reason, const std::string& message) {
  std::vector<uint64_t> handles;
  for (const auto& [handle, sequence] : sequences_) {
    handles.push_back(handle);
  }
  std::vector<Outcome> outcomes;
  for (const uint64_t handle : handles) {
    GenerationEvent event;
    event.finish = reason;
    event.message = message;
    outcomes.push_back(end(*sequences_.at(handle), std::move(event)));
  }
  return outcomes;
}

std::optional<StepPlan> Scheduler::plan() {
  Draft draft;
  plan_running(draft);
  admit(draft);
  if (draft.decodes.empty() && draft.prefills.empty()) {
    check(!launched_.empty() || idle(), "the scheduler is stuck: nothing runs and nothing fits");
    return std::nullopt;
  }
  return launch(draft);
}

void Scheduler::plan_running(Draft& draft) {
  const std::vector<Sequence*> order(running_.begin(), running_.end());
  const auto decoding = std::count_if(order.begin(), order.end(), [](const Sequence* sequence) {
    return !sequence->prefilling() && !sequence->fully_drawn();
  });
  draft.room = config_.max_step_tokens - decoding;
  for (Sequence* sequence : order) {
    // One that a better placed sequence has just pushed out, or one that only awaits its results.
    if (!sequence->running() || (!sequence->prefilling() && sequence->fully_drawn())) {
      continue;
    }
    if (sequence->prefilling()) {
      plan_prefill(*sequence, prefill_rows(*sequence, sequence->prefill_end, draft.room), draft);
    } else if (hold_pages(*sequence, sequence->position + 1)) {
      draft.decodes.emplace_back(sequence, 1);
    } else {
      draft.short_of_memory = true;
    }
  }
}

int64_t Scheduler::prefill_rows(const Sequence& sequence, int64_t end, int64_t room) const {
  const int64_t rows = config_.cut(
      {.handle = sequence.handle, .position = sequence.position, .end = end, .room = room});
  check(rows >= 0 && rows <= std::min(room, end - sequence.position),
        "a cut rule gives more tokens than there is room for");
  return rows;
}

void Scheduler::plan_prefill(Sequence& sequence, int64_t rows, Draft& draft) {
  if (rows == 0) {
    return;
  }
  if (!hold_pages(sequence, sequence.position + rows)) {
    draft.short_of_memory = true;
    return;
  }
  const bool ends = sequence.position + rows == sequence.prefill_end;
  if (pool_.spec().has_carry() && !ends && !sequence.carry.has_value()) {
    // Only its first step comes here, and that was admitted with one.
    sequence.carry = pool_.take_carry();
    check(sequence.carry.has_value(), "a carry was promised and is not there");
  }
  draft.prefills.emplace_back(&sequence, rows);
  draft.room -= rows;
}

void Scheduler::admit(Draft& draft) {
  while (!draft.short_of_memory && !waiting_.empty() && draft.room > 0 &&
         std::ssize(running_) < config_.max_num_seqs) {
    // Strictly in order: whoever is first and does not fit is not overtaken.
    if (!try_admit(**waiting_.begin(), draft)) {
      return;
    }
  }
}

bool Scheduler::try_admit(Sequence& sequence, Draft& draft) {
  if (sequence.in_flight > 0) {
    return false;
  }
  const int64_t known = std::ssize(sequence.tokens);
  const int64_t rows = prefill_rows(sequence, known, draft.room);
  int64_t pages = CachePool::pages_for(
      pool_.spec(), std::min(sequence.longest(), known + config_.forecast_tokens));
  const int64_t carries = pool_.spec().has_carry() && rows < known ? 1 : 0;
  for (const Sequence* other : running_) {
    pages += promised_pages(*other);
  }
  if (rows == 0 || !pool_.can_take(pages, 1, carries)) {
    return false;
  }
  std::optional<StateRef> state = pool_.take_state();
  check(state.has_value(), "a state slot was promised and is not there");
  waiting_.erase(&sequence);
  running_.insert(&sequence);
  counts_.admitted += sequence.starts == 0 ? 1 : 0;
  sequence.start(std::move(*state));
  plan_prefill(sequence, rows, draft);
  return true;
}

int64_t Scheduler::promised_pages(const Sequence& sequence) const {
  const int64_t forecast =
      std::min(sequence.longest(), sequence.prefill_end + config_.forecast_tokens);
  const int64_t tokens = std::max(forecast, sequence.position + 1);
  return std::max<int64_t>(0,
                           CachePool::pages_for(pool_.spec(), tokens) - std::ssize(sequence.pages));
}

bool Scheduler::hold_pages(Sequence& sequence, int64_t tokens) {
  const int64_t missing = CachePool::pages_for(pool_.spec(), tokens) - std::ssize(sequence.pages);
  while (missing > 0 && !pool_.can_take(missing, 0)) {
    // What already waits for a step to end may be enough: see before pushing out another one.
    Sequence* victim = pool_.retiring() ? nullptr : worst_after(sequence);
    if (victim == nullptr) {
      return false;
    }
    preempt(*victim);
  }
  for (int64_t i = 0; i < missing; ++i) {
    std::optional<PageRef> page = pool_.take_page();
    check(page.has_value(), "a page was promised and is not there");
    sequence.pages.push_back(std::move(*page));
  }
  return true;
}

Sequence* Scheduler::worst_after(const Sequence& sequence) const {
  Sequence* worst = running_.empty() ? nullptr : *running_.rbegin();
  return worst != nullptr && sequence.before(*worst) ? worst : nullptr;
}

void Scheduler::preempt(Sequence& sequence) {
  release(sequence);
  sequence.position = 0;
  sequence.prefill_end = 0;
  waiting_.insert(&sequence);
  ++counts_.preemptions;
}

void Scheduler::release(Sequence& sequence) {
  running_.erase(&sequence);
  waiting_.erase(&sequence);
  pool_.retire(std::exchange(sequence.pages, {}), std::exchange(sequence.state, std::nullopt),
               last_step_);
  release_carry(sequence);
  if (launched_.empty()) {
    pool_.reclaim(last_step_);
  }
}

void Scheduler::release_carry(Sequence& sequence) {
  if (sequence.carry.has_value()) {
    pool_.retire(std::move(*sequence.carry), last_step_);
    sequence.carry.reset();
  }
}

StepPlan Scheduler::launch(const Draft& draft) {
  StepPlan plan;
  plan.step = ++last_step_;
  GroupPlan& group = plan.groups.emplace_back();
  Launched& launched = launched_.emplace_back();
  launched.step = plan.step;
  for (const auto* rows : {&draft.decodes, &draft.prefills}) {
    for (const auto& [sequence, count] : *rows) {
      counts_.prompt_tokens += sequence->prefilling() ? count : 0;
      append_sequence(group, *sequence, count);
      if (!sequence->prefilling()) {
        // This step is the last that reads it.
        release_carry(*sequence);
      }
      launched.rows.push_back({sequence->handle, group.sequences.back().draw});
    }
  }
  return plan;
}

std::vector<Outcome> Scheduler::commit(const StepResult& result) {
  check(!launched_.empty() && launched_.front().step == result.step,
        "a result does not belong to the oldest step");
  const Launched launched = std::move(launched_.front());
  launched_.pop_front();
  check(launched.rows.size() == result.failed.size(), "a result has other rows than its plan");
  pool_.reclaim(result.step);
  std::vector<Outcome> outcomes;
  size_t drawn = 0;
  for (size_t i = 0; i < launched.rows.size(); ++i) {
    const bool draws = launched.rows[i].draw == Draw::kYes;
    const size_t token = drawn;
    drawn += draws ? 1 : 0;
    const auto found = sequences_.find(launched.rows[i].handle);
    if (found == sequences_.end()) {
      continue;
    }
    Sequence& sequence = *found->second;
    --sequence.in_flight;
    if (result.failed[i] != 0) {
      GenerationEvent event;
      event.finish = FinishReason::kError;
      event.message = "the sequence's state is not at the position that its step was planned for";
      outcomes.push_back(end(sequence, std::move(event)));
    } else if (draws) {
      outcomes.push_back(commit_token(sequence, result.tokens.at(token)));
    }
  }
  return outcomes;
}

Outcome Scheduler::commit_token(Sequence& sequence, const SampledToken& token) {
  GenerationEvent event;
  event.tokens.push_back(generated_from(token));
  ++counts_.generated_tokens;
  sequence.tokens.push_back(token.id);
  const std::optional<StopReason> reason = sequence.stop.take(sequence.request.stop, token.id);
  if (!reason.has_value()) {
    return {sequence.handle, std::move(event)};
  }
  event.finish = reason->finish;
  event.stop_id = reason->stop_id;
  event.stop_string = reason->stop_string;
  return end(sequence, std::move(event));
}

Outcome Scheduler::end(Sequence& sequence, GenerationEvent event) {
  release(sequence);
  const uint64_t handle = sequence.handle;
  sequences_.erase(handle);
  return {handle, std::move(event)};
}

SchedulerCounts Scheduler::counts() const {
  SchedulerCounts counts = counts_;
  counts.running = std::ssize(running_);
  counts.waiting = std::ssize(waiting_);
  return counts;
}

int64_t Scheduler::load_tokens() const {
  int64_t tokens = 0;
  for (const auto& [handle, sequence] : sequences_) {
    tokens += std::min(sequence->longest(), std::ssize(sequence->tokens) + config_.forecast_tokens);
  }
  return tokens;
}

void Scheduler::check_invariants() const {
  int64_t pages = 0;
  int64_t carries = 0;
  for (const auto& [handle, sequence] : sequences_) {
    const bool runs = sequence->running();
    check(running_.contains(sequence.get()) == runs && waiting_.contains(sequence.get()) != runs,
          "a sequence is in the wrong queue");
    check(runs || (sequence->pages.empty() && sequence->position == 0),
          "a waiting sequence holds memory");
    const int64_t needed = CachePool::pages_for(pool_.spec(), sequence->position);
    check(std::ssize(sequence->pages) >= needed, "a sequence ran past its pages");
    check(sequence->drawn <= sequence->stop.limit(), "a sequence drew more than its limit");
    check(sequence->in_flight <= steps_in_flight(), "a sequence awaits steps that are done");
    pages += std::ssize(sequence->pages);
    const bool carries_state =
        pool_.spec().has_carry() && sequence->prefilling() && sequence->position > 0;
    check(sequence->carry.has_value() == carries_state, "a carry is missing or left behind");
    carries += sequence->carry.has_value() ? 1 : 0;
  }
  check(pages <= pool_.used_pages(), "more pages are held than taken");
  check(pool_.retiring() || pages == pool_.used_pages(), "pages are lost");
  check(pool_.retiring() || carries == pool_.used_carries(), "carries are lost");
  check(pool_.retiring() || std::ssize(running_) == pool_.used_slots(), "slots are lost");
  check(!pool_.retiring() || !launched_.empty(), "memory waits for steps that are done");
}

}  // namespace dak
