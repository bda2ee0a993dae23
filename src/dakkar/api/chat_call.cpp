#include "dakkar/api/chat_call.h"

#include <algorithm>
#include <utility>

namespace dak {

ChatCall::ChatCall(ChatCallArgs args, ReplyInfo reply, int64_t prompt_tokens)
    : args_(std::move(args)), mode_(reply.options.mode) {
  usage_.prompt_tokens = prompt_tokens;
  writer_ = args_.dialect->open_reply(std::move(reply));
}

ChatCall::~ChatCall() {
  for (const Choice& choice : choices_) {
    if (!choice.done) {
      record_end(choice, FinishReason::kAbort);
    }
  }
}

Result<std::unique_ptr<ChatCall>> ChatCall::start(PreparedCall prepared, ChatCallArgs args) {
  std::unique_ptr<ChatCall> call(std::make_unique<ChatCall>(
      std::move(args), std::move(prepared.reply), prepared.prompt_tokens));
  if (!prepared.generates) {
    call->echoes_ = static_cast<int64_t>(prepared.choices.size());
    return call;
  }
  call->choices_.reserve(prepared.choices.size());
  for (PreparedCall::Choice& choice : prepared.choices) {
    if (const Status status = call->submit(std::move(choice)); !status) {
      call->choices_.clear();
      return fail(status.error());
    }
  }
  return call;
}

Status ChatCall::submit(PreparedCall::Choice choice) {
  Choice running{.stream = nullptr,
                 .text = ChatStream(std::move(choice.text)),
                 .max_tokens = choice.request.stop.max_tokens,
                 .prompt_tokens = static_cast<int64_t>(choice.request.prompt.size()),
                 .first_token = std::nullopt,
                 .last_token = args_.arrival,
                 .done = false};
  Result<std::unique_ptr<TokenStream>> stream =
      args_.engine->submit(std::move(choice.request), args_.wake);
  if (!stream) {
    return fail(stream.error());
  }
  running.stream = std::move(*stream);
  choices_.push_back(std::move(running));
  return {};
}

void ChatCall::note_times(Choice& choice, const GenerationEvent& event) {
  if (event.tokens.empty()) {
    return;
  }
  const SteadyTime now = steady_now();
  if (!choice.first_token) {
    choice.first_token = now;
    args_.metrics->first_token(seconds_between(args_.arrival, now));
  } else {
    args_.metrics->token_gap(seconds_between(choice.last_token, now));
  }
  choice.last_token = now;
}

void ChatCall::record_end(const Choice& choice, FinishReason reason) const {
  args_.metrics->finished(
      {.reason = reason,
       .prompt_tokens = choice.prompt_tokens,
       .generated_tokens = choice.text.tokens(),
       .max_tokens = choice.max_tokens,
       .seconds = seconds_between(args_.arrival, steady_now()),
       .first_token_seconds =
           choice.first_token ? seconds_between(args_.arrival, *choice.first_token) : -1.0});
}

void ChatCall::take_event(Choice& choice, const GenerationEvent& event, std::string& out) {
  note_times(choice, event);
  if (event.finish == FinishReason::kError) {
    choice.done = true;
    record_end(choice, FinishReason::kError);
    fail_all({.code = ErrorCode::kInternal, .message = event.message, .param = {}}, out);
    return;
  }
  usage_.completion_tokens += static_cast<int64_t>(event.tokens.size());
  usage_.cached_tokens += event.cached_tokens;
  if (event.tokens.empty() && !event.finish) {
    return;  // nothing to show yet: a first chunk now would look like a first token
  }
  const ChatDelta delta = choice.text.push(event);
  usage_.reasoning_tokens += delta.reasoning_tokens;
  out += writer_->add(delta, usage_);
  if (delta.finish) {
    choice.done = true;
    record_end(choice, *delta.finish);
    choice.stream.reset();  // cancels what the reply does not need any more
  }
}

void ChatCall::fail_all(Error error, std::string& out) {
  error_ = std::move(error);
  out += writer_->fail(*error_);
  finished_ = true;
}

void ChatCall::echo_only(std::string& out) {
  for (int64_t i = 0; i < echoes_; ++i) {
    ChatDelta delta;
    delta.choice = i;
    delta.first = true;
    delta.finish = FinishReason::kLength;
    out += writer_->add(delta, usage_);
  }
  echoes_ = 0;
}

std::string ChatCall::abort(Error error) {
  std::string out;
  if (!finished_) {
    fail_all(std::move(error), out);
  }
  return out;
}

std::string ChatCall::pull() {
  std::string out;
  if (finished_) {
    return out;
  }
  echo_only(out);
  for (Choice& choice : choices_) {
    while (!choice.done && !finished_) {
      const std::optional<GenerationEvent> event = choice.stream->try_next();
      if (!event) {
        break;
      }
      take_event(choice, *event, out);
    }
  }
  const bool all_done = std::all_of(choices_.begin(), choices_.end(),
                                    [](const Choice& choice) { return choice.done; });
  if (!finished_ && all_done) {
    out += writer_->finish(usage_);
    finished_ = true;
  }
  return out;
}

}  // namespace dak
