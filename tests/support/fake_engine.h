#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "dakkar/engine/engine.h"
#include "dakkar/engine/stream_table.h"

namespace dak {

/// How a `FakeEngine` behaves.
struct FakeEngineConfig {
  int64_t step_ms = 1;
  int64_t max_queued = 1024;
  int64_t max_model_len = 4096;
  int64_t fail_after_tokens = -1;  ///< every request ends with an error after so many; -1: none
};

/// An engine without a model: every step gives each request the next id of its own prompt, over and
/// over, until max_tokens or a stop id. Logprobs are minus a tenth of the token's number.
class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(const FakeEngineConfig& config = {});
  ~FakeEngine() override;

  Result<std::unique_ptr<TokenStream>> submit(GenerationRequest request,
                                              std::function<void()> wake) override;
  void cancel(uint64_t handle) override;
  void drain(double seconds) override;
  [[nodiscard]] EngineStats stats() const override;
  [[nodiscard]] int64_t max_model_len() const override { return config_.max_model_len; }
  [[nodiscard]] int64_t max_num_seqs() const override { return 64; }
  [[nodiscard]] const CacheSpec& cache_spec() const override { return spec_; }

  /// Steps stop; `stats` says so.
  void stand_still(double seconds_since_progress);
  /// The engine counts as dead from now on.
  void die() { dead_ = true; }
  /// Requests that were cancelled or abandoned before their end.
  [[nodiscard]] int64_t cancelled() const;
  /// Requests that are running.
  [[nodiscard]] int64_t running() const;

 private:
  struct Running {
    GenerationRequest request;
    int64_t tokens = 0;
  };

  void loop();
  void step();
  [[nodiscard]] GenerationEvent next_event(Running& running) const;
  void forget(uint64_t handle);

  const FakeEngineConfig config_;
  const CacheSpec spec_;
  mutable std::mutex mutex_;
  std::condition_variable wake_loop_;
  std::map<uint64_t, Running> running_;
  EngineStats stats_;
  int64_t cancelled_ = 0;
  uint64_t next_handle_ = 1;
  bool stopping_ = false;
  bool draining_ = false;
  bool standing_ = false;
  std::atomic<bool> dead_ = false;
  StreamTable streams_;
  std::thread thread_;
};

}  // namespace dak
