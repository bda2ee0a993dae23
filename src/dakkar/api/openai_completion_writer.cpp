#include <fmt/core.h>

#include "dakkar/api/openai_reply.h"
#include "dakkar/api/openai_writers.h"

namespace dak {
namespace {

class CompletionReplyWriter final : public ReplyWriter {
 public:
  explicit CompletionReplyWriter(ReplyInfo info)
      : info_(std::move(info)),
        offsets_(static_cast<size_t>(info_.choices)),
        whole_(static_cast<size_t>(info_.choices)) {}

  std::string add(const ChatDelta& delta, const ChatUsage& usage) override;
  std::string finish(const ChatUsage& usage) override;
  std::string fail(const Error& error) override;

 private:
  void keep(const ChatDelta& delta);
  void write_head(JsonText& json) const;
  void write_choice(const ChatDelta& delta, std::string_view echo, JsonText& json);
  [[nodiscard]] std::string_view echo_of(int64_t choice) const {
    const auto index = static_cast<size_t>(choice);
    return index < info_.echoes.size() ? std::string_view(info_.echoes[index]) : "";
  }

  const ReplyInfo info_;
  std::vector<int64_t> offsets_;  ///< code points written so far, per choice
  std::vector<ChatDelta> whole_;  ///< joined deltas, per choice
};

void CompletionReplyWriter::keep(const ChatDelta& delta) {
  ChatDelta& choice = whole_[static_cast<size_t>(delta.choice)];
  choice.choice = delta.choice;
  choice.first = true;
  choice.content += delta.content;
  choice.logprobs.insert(choice.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  choice.ids.insert(choice.ids.end(), delta.ids.begin(), delta.ids.end());
  if (delta.finish) {
    choice.finish = delta.finish;
    choice.stop_reason = delta.stop_reason;
  }
}

void CompletionReplyWriter::write_head(JsonText& json) const {
  json.open_object();
  json.key("id").string("cmpl-" + info_.id);
  json.key("object").string("text_completion");
  json.key("created").integer(info_.created);
  json.key("model").string(info_.model);
  json.key("system_fingerprint").string(info_.fingerprint);
}

void CompletionReplyWriter::write_choice(const ChatDelta& delta, std::string_view echo,
                                         JsonText& json) {
  const auto index = static_cast<size_t>(delta.choice);
  json.open_object();
  json.key("index").integer(delta.choice);
  json.key("text").string(std::string(echo) + delta.content);
  json.key("logprobs");
  if (info_.options.logprobs) {
    offsets_[index] =
        write_completion_logprobs(delta.logprobs, info_.options, offsets_[index], json);
  } else {
    json.null();
  }
  write_finish(delta, json);
  if (info_.options.token_ids) {
    if (delta.first && index < info_.prompt_ids.size()) {
      write_ids("prompt_token_ids", info_.prompt_ids[index], json);
    }
    write_ids("token_ids", delta.ids, json);
  }
  json.close_object();
}

std::string CompletionReplyWriter::add(const ChatDelta& delta, const ChatUsage& usage) {
  if (info_.options.mode == ReplyMode::kWhole) {
    keep(delta);
    return {};
  }
  const std::string_view echo = delta.first ? echo_of(delta.choice) : std::string_view();
  const bool says_nothing = delta.content.empty() && echo.empty() && !delta.finish &&
                            delta.logprobs.empty() && !info_.options.token_ids;
  if (says_nothing) {
    return {};
  }
  JsonText json;
  write_head(json);
  json.key("choices").open_array();
  write_choice(delta, echo, json);
  json.close_array();
  if (info_.options.continuous_usage) {
    write_usage(usage, json.key("usage"));
  } else if (info_.options.include_usage) {
    json.key("usage").null();
  }
  json.close_object();
  return sse_data(json.text());
}

std::string CompletionReplyWriter::finish(const ChatUsage& usage) {
  JsonText json;
  if (info_.options.mode == ReplyMode::kStream) {
    if (!info_.options.include_usage) {
      return sse_done();
    }
    write_head(json);
    json.key("choices").open_array().close_array();
    write_usage(usage, json.key("usage"));
    json.close_object();
    return sse_data(json.text()) + sse_done();
  }
  write_head(json);
  json.key("choices").open_array();
  for (const ChatDelta& choice : whole_) {
    write_choice(choice, echo_of(choice.choice), json);
  }
  json.close_array();
  write_usage(usage, json.key("usage"));
  json.close_object();
  return json.take();
}

std::string CompletionReplyWriter::fail(const Error& error) {
  if (info_.options.mode == ReplyMode::kWhole) {
    return {};
  }
  return sse_data(openai_error_body(error, http_status(error.code))) + sse_done();
}

}  // namespace

std::unique_ptr<ReplyWriter> open_completion_reply(ReplyInfo info) {
  return std::make_unique<CompletionReplyWriter>(std::move(info));
}

}  // namespace dak
