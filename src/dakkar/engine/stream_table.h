#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "dakkar/base/clock.h"
#include "dakkar/engine/request.h"

namespace dak {

/// The streams that still expect events. Thread-safe: consumers destroy streams whenever they like,
/// and the engine's events reach only those that are left.
class StreamTable final : public StreamOwner {
 public:
  /// `on_abandon` is told the handle of a stream that was destroyed before its last event; called
  /// on the thread that destroyed it.
  explicit StreamTable(std::function<void(uint64_t)> on_abandon)
      : on_abandon_(std::move(on_abandon)) {}

  /// Makes the stream of a request.
  [[nodiscard]] std::unique_ptr<TokenStream> open(uint64_t handle, std::function<void()> wake);
  /// Hands an event to its stream, if that is left; one with a finish is the stream's last.
  void publish(uint64_t handle, GenerationEvent event);
  /// Ends all streams with copies of `event`; says how many there were.
  int64_t end_all(const GenerationEvent& event);

  [[nodiscard]] int64_t size() const;
  /// Waits until no stream expects events; false when `deadline` came first.
  [[nodiscard]] bool wait_until_empty(SteadyTime deadline) const;

  void stream_gone(uint64_t handle) override;

 private:
  void publish_locked(uint64_t handle, GenerationEvent event);

  const std::function<void(uint64_t)> on_abandon_;
  mutable std::mutex mutex_;
  mutable std::condition_variable empty_;
  std::unordered_map<uint64_t, TokenStream*> streams_;
};

}  // namespace dak
