#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dakkar/base/mailbox.h"
#include "dakkar/base/token_id.h"

namespace dak {

/// How tokens are drawn; every field already validated (ranges in spec/serving.md 3.1).
struct SamplingParams {
  float temperature = 1.0F;  ///< below 1e-5: greedy
  float top_p = 1.0F;
  int32_t top_k = 0;  ///< 0: off
  float min_p = 0.0F;
  float repetition_penalty = 1.0F;
  float presence_penalty = 0.0F;
  float frequency_penalty = 0.0F;
  uint64_t seed = 0;  ///< always set: drawn by the caller when the client gave none
  std::vector<std::pair<TokenId, float>> logit_bias;
  int32_t top_logprobs = -1;  ///< -1: none; 0: the drawn token's only; up to 20 alternatives
};

/// What ends a generation, besides the context's end.
struct StopRules {
  int64_t max_tokens = 0;  ///< at least 1
  int64_t min_tokens = 0;  ///< stop ids are barred, stop strings ignored, before that many
  std::vector<TokenId> stop_ids =
      {};  ///< end-of-sequence ids and the client's; empty with ignore_eos
  std::vector<std::string> stop_strings = {};  ///< bytes of the generated text
};

/// A request that can be scheduled: validated, immutable.
struct GenerationRequest {
  std::string id;               ///< for logs
  std::vector<TokenId> prompt;  ///< at least one token, all below V
  SamplingParams sampling;
  StopRules stop;
  int32_t priority = 0;  ///< lower first, when the policy says so
};

/// Why a generation ended.
enum class FinishReason {
  kStop,    ///< a stop id or stop string
  kLength,  ///< max_tokens or the context's end
  kAbort,   ///< cancelled, or the server is draining
  kError,   ///< this request failed; `message` says why
};

/// One generated token.
struct GeneratedToken {
  TokenId id = 0;
  float logprob = 0.0F;
  float edge = 0.0F;                           ///< `SampledToken::edge`: how near another draw was
  std::vector<std::pair<TokenId, float>> top;  ///< alternatives, best first
};

/// What happened to a request in one step.
struct GenerationEvent {
  std::vector<GeneratedToken>
      tokens;  ///< new ones, in order; the stop id itself is the last if one ended it
  std::optional<FinishReason> finish;  ///< set in the last event
  std::optional<TokenId> stop_id;      ///< the stop id that ended it
  std::string stop_string;             ///< the stop string that ended it, if one did
  std::string message;                 ///< with kError
  int64_t cached_tokens = 0;           ///< prompt tokens found in a cache, in the first event
};

/// Told when a stream dies before its last event.
class StreamOwner {
 public:
  virtual ~StreamOwner() = default;
  virtual void stream_gone(uint64_t handle) = 0;
};

/// A request's stream of events, between the engine thread and the one consumer.
///
/// The engine never blocks on it: the box has room for the request's longest possible stream.
/// It may be destroyed at any time, which cancels its request, and may outlive the engine.
class TokenStream final {
 public:
  /// `wake` may be empty. `owner`, if any, outlives the stream or calls `disown` before it dies.
  TokenStream(uint64_t handle, size_t capacity, std::function<void()> wake,
              StreamOwner* owner = nullptr)
      : handle_(handle), box_(capacity), wake_(std::move(wake)), owner_(owner) {}
  TokenStream(const TokenStream&) = delete;
  TokenStream& operator=(const TokenStream&) = delete;
  ~TokenStream();

  /// The engine's number for this request, for `Engine::cancel`.
  [[nodiscard]] uint64_t handle() const { return handle_; }
  /// Takes the next event if there is one.
  [[nodiscard]] std::optional<GenerationEvent> try_next() { return box_.try_pop(); }
  /// Waits for the next event; nothing after the last one was taken.
  [[nodiscard]] std::optional<GenerationEvent> next() { return box_.pop(); }

  /// Engine side: adds an event and calls `wake`, which must only post a message: it must neither
  /// block nor destroy the stream.
  void publish(GenerationEvent event);
  /// Engine side: no more events.
  void close();
  /// Engine side: the owner no longer wants to know. Its last call on the stream.
  void disown() { owner_.store(nullptr, std::memory_order_release); }

 private:
  const uint64_t handle_;
  Mailbox<GenerationEvent> box_;
  const std::function<void()> wake_;
  std::atomic<StreamOwner*> owner_;
};

}  // namespace dak
