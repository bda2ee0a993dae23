#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/api/chat_stream.h"
#include "dakkar/api/dialect.h"
#include "dakkar/api/prepared_call.h"
#include "dakkar/api/serving_metrics.h"
#include "dakkar/base/clock.h"
#include "dakkar/engine/engine.h"

namespace dak {

/// What a running call works with; all borrowed, all outlive it.
struct ChatCallArgs {
  Engine* engine = nullptr;
  ServingMetrics* metrics = nullptr;
  const Dialect* dialect = nullptr;
  SteadyTime arrival;          ///< when the request had been read
  std::function<void()> wake;  ///< called from the engine's thread when `pull` has something to do
};

/// A request that the engine works on: its choices' events in, the dialect's bytes out.
///
/// Belongs to one thread. Destroying it cancels whatever still runs.
class ChatCall final {
 public:
  /// Submits every choice, or none of them.
  /// Errors: the engine's own, kResourceExhausted when its queue is full among them.
  static Result<std::unique_ptr<ChatCall>> start(PreparedCall prepared, ChatCallArgs args);
  /// An empty call; `start` makes the useful ones.
  ChatCall(ChatCallArgs args, ReplyInfo reply, int64_t prompt_tokens);
  ChatCall(const ChatCall&) = delete;
  ChatCall& operator=(const ChatCall&) = delete;
  ~ChatCall();

  /// Takes every event that is there and gives the bytes to send: events of a stream, or the body
  /// of a whole reply once it is complete. Never waits.
  [[nodiscard]] std::string pull();
  /// Gives up: what runs is cancelled. Gives the bytes to send, none for a whole reply.
  [[nodiscard]] std::string abort(Error error);
  /// Nothing more will come.
  [[nodiscard]] bool finished() const { return finished_; }
  /// Why the request failed; the bytes of a stream have said so already.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] ReplyMode mode() const { return mode_; }

 private:
  struct Choice {
    std::unique_ptr<TokenStream> stream;
    ChatStream text;
    int64_t max_tokens = 0;
    int64_t prompt_tokens = 0;
    std::optional<SteadyTime> first_token;
    SteadyTime last_token;
    bool done = false;
  };

  Status submit(PreparedCall::Choice choice);
  void take_event(Choice& choice, const GenerationEvent& event, std::string& out);
  void note_times(Choice& choice, const GenerationEvent& event);
  void record_end(const Choice& choice, FinishReason reason) const;
  void echo_only(std::string& out);
  void fail_all(Error error, std::string& out);

  ChatCallArgs args_;
  const ReplyMode mode_;
  std::unique_ptr<ReplyWriter> writer_;
  std::vector<Choice> choices_;
  ChatUsage usage_;
  int64_t echoes_ = 0;  ///< choices that only echo their prompt
  bool finished_ = false;
  std::optional<Error> error_;
};

}  // namespace dak
