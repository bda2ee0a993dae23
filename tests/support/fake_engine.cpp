#include "support/fake_engine.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

namespace dak {

FakeEngine::FakeEngine(const FakeEngineConfig& config)
    : config_(config), streams_([this](uint64_t handle) { forget(handle); }) {
  thread_ = std::thread([this] { loop(); });
}

FakeEngine::~FakeEngine() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_loop_.notify_all();
  }
  thread_.join();
  GenerationEvent end;
  end.finish = FinishReason::kAbort;
  streams_.end_all(end);
}

Result<std::unique_ptr<TokenStream>> FakeEngine::submit(GenerationRequest request,
                                                        std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (draining_) {
    return fail(ErrorCode::kUnavailable, "draining");
  }
  if (static_cast<int64_t>(running_.size()) >= config_.max_queued) {
    ++stats_.refused;
    return fail(ErrorCode::kResourceExhausted, "the queue is full: try again later");
  }
  const uint64_t handle = next_handle_++;
  std::unique_ptr<TokenStream> stream = streams_.open(handle, std::move(wake));
  ++stats_.admitted;
  stats_.prompt_tokens += static_cast<int64_t>(request.prompt.size());
  running_.emplace(handle, Running{.request = std::move(request), .tokens = 0});
  return stream;
}

void FakeEngine::forget(uint64_t handle) {
  const std::lock_guard lock(mutex_);
  if (running_.erase(handle) > 0) {
    ++cancelled_;
    ++stats_.finished_abort;
  }
}

void FakeEngine::cancel(uint64_t handle) {
  forget(handle);
  GenerationEvent end;
  end.finish = FinishReason::kAbort;
  streams_.publish(handle, std::move(end));
}

void FakeEngine::drain(double seconds) {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  const auto wait = std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000.0));
  (void)streams_.wait_until_empty(steady_now() + wait);
  GenerationEvent end;
  end.finish = FinishReason::kAbort;
  streams_.end_all(end);
  const std::lock_guard lock(mutex_);
  running_.clear();
}

EngineStats FakeEngine::stats() const {
  const std::lock_guard lock(mutex_);
  EngineStats stats = stats_;
  stats.running = static_cast<int64_t>(running_.size());
  stats.alive = !dead_;
  return stats;
}

void FakeEngine::stand_still(double seconds_since_progress) {
  const std::lock_guard lock(mutex_);
  standing_ = true;
  stats_.seconds_since_progress = seconds_since_progress;
  stats_.stalled = true;
  stats_.waits_for = "step 7 of 2048 tokens";
}

int64_t FakeEngine::cancelled() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

int64_t FakeEngine::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int64_t>(running_.size());
}

void FakeEngine::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    wake_loop_.wait_for(lock, std::chrono::milliseconds(config_.step_ms));
    if (stopping_ || standing_ || dead_) {
      continue;
    }
    lock.unlock();
    step();
    lock.lock();
  }
}

GenerationEvent FakeEngine::next_event(Running& running) const {
  GenerationEvent event;
  const GenerationRequest& request = running.request;
  if (running.tokens == config_.fail_after_tokens) {
    event.finish = FinishReason::kError;
    event.message = "this request failed on purpose";
    return event;
  }
  GeneratedToken token;
  token.id = request.prompt[static_cast<size_t>(running.tokens) % request.prompt.size()];
  ++running.tokens;
  token.logprob = -0.1F * static_cast<float>(running.tokens);
  for (int32_t k = 0; k < request.sampling.top_logprobs; ++k) {
    token.top.emplace_back(token.id + k, token.logprob - static_cast<float>(k));
  }
  event.tokens.push_back(token);
  const auto& stops = request.stop.stop_ids;
  if (std::find(stops.begin(), stops.end(), token.id) != stops.end()) {
    event.finish = FinishReason::kStop;
    event.stop_id = token.id;
  } else if (running.tokens >= request.stop.max_tokens) {
    event.finish = FinishReason::kLength;
  }
  return event;
}

void FakeEngine::step() {
  std::vector<std::pair<uint64_t, GenerationEvent>> events;
  {
    const std::lock_guard lock(mutex_);
    ++stats_.steps;
    for (auto& [handle, running] : running_) {
      GenerationEvent event = next_event(running);
      stats_.generated_tokens += static_cast<int64_t>(event.tokens.size());
      events.emplace_back(handle, std::move(event));
    }
    for (const auto& [handle, event] : events) {
      if (event.finish) {
        running_.erase(handle);
        stats_.finished_stop += event.finish == FinishReason::kStop ? 1 : 0;
        stats_.finished_length += event.finish == FinishReason::kLength ? 1 : 0;
        stats_.finished_error += event.finish == FinishReason::kError ? 1 : 0;
      }
    }
  }
  for (auto& [handle, event] : events) {
    streams_.publish(handle, std::move(event));
  }
}

}  // namespace dak
