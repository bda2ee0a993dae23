#include <fmt/core.h>

#include "dakkar/api/openai_reply.h"
#include "dakkar/api/openai_writers.h"

namespace dak {
namespace {

/// One choice of a reply in one piece.
struct WholeChoice {
  std::string reasoning;
  std::string content;
  std::vector<ToolCallDelta> calls;  ///< whole ones
  std::vector<TokenLogprob> logprobs;
  std::vector<TokenId> ids;
  ChatDelta end;  ///< carries the finish
};

class ChatReplyWriter final : public ReplyWriter {
 public:
  explicit ChatReplyWriter(ReplyInfo info)
      : info_(std::move(info)), whole_(static_cast<size_t>(info_.choices)) {}

  std::string add(const ChatDelta& delta, const ChatUsage& usage) override;
  std::string finish(const ChatUsage& usage) override;
  std::string fail(const Error& error) override;

 private:
  void keep(const ChatDelta& delta);
  void write_head(std::string_view object, JsonText& json) const;
  void end_event(const ChatUsage& usage, JsonText& json) const;
  [[nodiscard]] std::string role_event(const ChatDelta& delta, const ChatUsage& usage) const;
  [[nodiscard]] std::string delta_event(const ChatDelta& delta, const ChatUsage& usage) const;
  void write_whole_choice(size_t index, JsonText& json) const;
  [[nodiscard]] std::string echo_of(size_t choice) const {
    return choice < info_.echoes.size() ? info_.echoes[choice] : std::string();
  }

  const ReplyInfo info_;
  std::vector<WholeChoice> whole_;
};

void ChatReplyWriter::keep(const ChatDelta& delta) {
  WholeChoice& choice = whole_[static_cast<size_t>(delta.choice)];
  choice.reasoning += delta.reasoning;
  choice.content += delta.content;
  if (delta.content_repeats_reasoning) {
    choice.reasoning.clear();
  }
  for (const ToolCallDelta& call : delta.calls) {
    if (!call.id.empty()) {
      choice.calls.push_back(call);
    } else {
      choice.calls.back().arguments += call.arguments;
    }
  }
  choice.logprobs.insert(choice.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  choice.ids.insert(choice.ids.end(), delta.ids.begin(), delta.ids.end());
  if (delta.finish) {
    choice.end.finish = delta.finish;
    choice.end.stop_reason = delta.stop_reason;
    choice.end.calls_done = delta.calls_done;
  }
}

void ChatReplyWriter::write_head(std::string_view object, JsonText& json) const {
  json.open_object();
  json.key("id").string("chatcmpl-" + info_.id);
  json.key("object").string(object);
  json.key("created").integer(info_.created);
  json.key("model").string(info_.model);
  json.key("system_fingerprint").string(info_.fingerprint);
}

void ChatReplyWriter::end_event(const ChatUsage& usage, JsonText& json) const {
  json.close_object().close_array();
  if (info_.options.continuous_usage) {
    write_usage(usage, json.key("usage"));
  } else if (info_.options.include_usage) {
    json.key("usage").null();
  }
  json.close_object();
}

std::string ChatReplyWriter::role_event(const ChatDelta& delta, const ChatUsage& usage) const {
  const auto index = static_cast<size_t>(delta.choice);
  JsonText json;
  write_head("chat.completion.chunk", json);
  if (index < info_.prompt_ids.size()) {
    write_ids("prompt_token_ids", info_.prompt_ids[index], json);
  }
  json.key("choices").open_array().open_object();
  json.key("index").integer(delta.choice);
  json.key("delta").open_object();
  json.key("role").string("assistant").key("content").string(echo_of(index)).close_object();
  json.key("logprobs").null().key("finish_reason").null();
  end_event(usage, json);
  return sse_data(json.text());
}

void write_reasoning(std::string_view reasoning, JsonText& json) {
  if (!reasoning.empty()) {
    json.key("reasoning_content").string(reasoning).key("reasoning").string(reasoning);
  }
}

void write_call_delta(const ToolCallDelta& call, JsonText& json) {
  json.open_object().key("index").integer(call.index);
  if (!call.id.empty()) {
    json.key("id").string(call.id).key("type").string("function");
  }
  json.key("function").open_object();
  if (!call.id.empty()) {
    json.key("name").string(call.name);
  }
  json.key("arguments").string(call.arguments).close_object().close_object();
}

/// One delta per kind of text and per piece of a call, in the order in which they came; the first
/// has the tokens, the last the finish.
std::vector<ChatDelta> parts_of(const ChatDelta& delta) {
  std::vector<ChatDelta> parts;
  const auto add = [&]() -> ChatDelta& {
    ChatDelta& part = parts.emplace_back();
    part.choice = delta.choice;
    part.calls_done = delta.calls_done;
    return part;
  };
  if (!delta.reasoning.empty()) {
    add().reasoning = delta.reasoning;
  }
  if (!delta.content.empty()) {
    add().content = delta.content;
  }
  for (const ToolCallDelta& call : delta.calls) {
    if (!call.id.empty() && !call.arguments.empty()) {
      add().calls.push_back(
          {.index = call.index, .id = call.id, .name = call.name, .arguments = {}});
      add().calls.push_back(
          {.index = call.index, .id = {}, .name = {}, .arguments = call.arguments});
    } else {
      add().calls.push_back(call);
    }
  }
  if (parts.empty()) {
    add();
  }
  parts.front().logprobs = delta.logprobs;
  parts.front().ids = delta.ids;
  parts.back().finish = delta.finish;
  parts.back().stop_reason = delta.stop_reason;
  return parts;
}

std::string ChatReplyWriter::delta_event(const ChatDelta& delta, const ChatUsage& usage) const {
  JsonText json;
  write_head("chat.completion.chunk", json);
  json.key("choices").open_array().open_object();
  json.key("index").integer(delta.choice);
  json.key("delta").open_object();
  write_reasoning(delta.reasoning, json);
  if (!delta.content.empty()) {
    json.key("content").string(delta.content);
  }
  if (!delta.calls.empty()) {
    json.key("tool_calls").open_array();
    write_call_delta(delta.calls.front(), json);
    json.close_array();
  }
  json.close_object().key("logprobs");
  if (info_.options.logprobs) {
    write_chat_logprobs(delta.logprobs, info_.options, json);
  } else {
    json.null();
  }
  write_finish(delta, json);
  if (info_.options.token_ids) {
    write_ids("token_ids", delta.ids, json);
  }
  end_event(usage, json);
  return sse_data(json.text());
}

std::string ChatReplyWriter::add(const ChatDelta& delta, const ChatUsage& usage) {
  if (info_.options.mode == ReplyMode::kWhole) {
    keep(delta);
    return {};
  }
  std::string events = delta.first ? role_event(delta, usage) : std::string();
  const bool says_nothing = delta.reasoning.empty() && delta.content.empty() &&
                            delta.calls.empty() && !delta.finish && delta.logprobs.empty() &&
                            !info_.options.token_ids;
  if (says_nothing) {
    return events;
  }
  for (const ChatDelta& part : parts_of(delta)) {
    events += delta_event(part, usage);
  }
  return events;
}

void write_calls(const std::vector<ToolCallDelta>& calls, JsonText& json) {
  if (calls.empty()) {
    return;
  }
  json.key("tool_calls").open_array();
  for (const ToolCallDelta& call : calls) {
    json.open_object().key("id").string(call.id).key("type").string("function");
    json.key("function").open_object().key("name").string(call.name);
    json.key("arguments").string(call.arguments).close_object().close_object();
  }
  json.close_array();
}

void ChatReplyWriter::write_whole_choice(size_t index, JsonText& json) const {
  const WholeChoice& choice = whole_[index];
  json.open_object();
  json.key("index").integer(static_cast<int64_t>(index));
  json.key("message").open_object();
  json.key("role").string("assistant");
  const std::string content = echo_of(index) + choice.content;
  json.key("content");
  if (content.empty() && !choice.calls.empty()) {
    json.null();
  } else {
    json.string(content);
  }
  write_reasoning(choice.reasoning, json);
  write_calls(choice.calls, json);
  json.close_object();
  json.key("logprobs");
  if (info_.options.logprobs) {
    write_chat_logprobs(choice.logprobs, info_.options, json);
  } else {
    json.null();
  }
  write_finish(choice.end, json);
  if (info_.options.token_ids) {
    write_ids("token_ids", choice.ids, json);
  }
  json.close_object();
}

std::string ChatReplyWriter::finish(const ChatUsage& usage) {
  JsonText json;
  if (info_.options.mode == ReplyMode::kStream) {
    if (!info_.options.include_usage) {
      return sse_done();
    }
    write_head("chat.completion.chunk", json);
    json.key("choices").open_array().close_array();
    write_usage(usage, json.key("usage"));
    json.close_object();
    return sse_data(json.text()) + sse_done();
  }
  write_head("chat.completion", json);
  json.key("choices").open_array();
  for (size_t i = 0; i < whole_.size(); ++i) {
    write_whole_choice(i, json);
  }
  json.close_array();
  write_usage(usage, json.key("usage"));
  if (!info_.prompt_ids.empty()) {
    write_ids("prompt_token_ids", info_.prompt_ids.front(), json);
  }
  json.close_object();
  return json.take();
}

std::string ChatReplyWriter::fail(const Error& error) {
  if (info_.options.mode == ReplyMode::kWhole) {
    return {};
  }
  return sse_data(openai_error_body(error, http_status(error.code))) + sse_done();
}

}  // namespace

std::unique_ptr<ReplyWriter> open_chat_reply(ReplyInfo info) {
  return std::make_unique<ChatReplyWriter>(std::move(info));
}

}  // namespace dak
