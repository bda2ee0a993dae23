#include "dakkar/api/openai_reply.h"

#include <cmath>

#include <fmt/core.h>

#include "dakkar/base/json.h"

namespace dak {
namespace {

/// Floats are written with the digits that a float has.
void write_logprob(float logprob, JsonText& json) {
  if (!std::isfinite(logprob)) {
    json.null();
    return;
  }
  json.raw(fmt::format("{}", logprob));
}

void write_bytes(std::string_view bytes, JsonText& json) {
  json.key("bytes").open_array();
  for (const char byte : bytes) {
    json.integer(static_cast<unsigned char>(byte));
  }
  json.close_array();
}

void write_entry(const TokenLogprob& token, const ReplyOptions& options, JsonText& json) {
  json.key("token").string(token_label(token, options));
  json.key("logprob");
  write_logprob(token.logprob, json);
  write_bytes(token.bytes, json);
}

int64_t code_points(std::string_view text) {
  int64_t count = 0;
  for (const char byte : text) {
    count += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U ? 1 : 0;
  }
  return count;
}

/// As `token_label`, but two tokens never look alike because they are parts of code points.
std::string unique_label(const TokenLogprob& token, const ReplyOptions& options) {
  if (options.tokens_as_ids || is_valid_utf8(token.bytes)) {
    return token_label(token, options);
  }
  std::string label = "bytes:";
  for (const char byte : token.bytes) {
    label += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  }
  return label;
}

/// The drawn token is always among its alternatives.
void write_alternatives(const TokenLogprob& token, const ReplyOptions& options, JsonText& json) {
  bool drawn_seen = false;
  json.open_object();
  for (const TokenLogprob& other : token.top) {
    drawn_seen = drawn_seen || other.id == token.id;
    json.key(unique_label(other, options));
    write_logprob(other.logprob, json);
  }
  if (!drawn_seen) {
    json.key(unique_label(token, options));
    write_logprob(token.logprob, json);
  }
  json.close_object();
}

std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "AuthenticationError";
    case 404:
      return "NotFoundError";
    case 405:
      return "MethodNotAllowedError";
    case 408:
      return "RequestTimeoutError";
    case 413:
    case 431:
      return "RequestTooLarge";
    case 429:
      return "RateLimitError";
    case 503:
      return "ServiceUnavailableError";
    default:
      return status >= 500 ? "InternalServerError" : "BadRequestError";
  }
}

std::string_view finish_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
    case FinishReason::kAbort:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kError:
      return "error";
  }
  return "error";
}

}  // namespace

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kUnimplemented:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kTooLarge:
      return 413;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kCorruptFile:
    case ErrorCode::kUnsupportedModel:
    case ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

void write_usage(const ChatUsage& usage, JsonText& json) {
  json.open_object();
  json.key("prompt_tokens").integer(usage.prompt_tokens);
  json.key("completion_tokens").integer(usage.completion_tokens);
  json.key("total_tokens").integer(usage.prompt_tokens + usage.completion_tokens);
  json.key("prompt_tokens_details").open_object();
  json.key("cached_tokens").integer(usage.cached_tokens).close_object();
  json.key("completion_tokens_details").open_object();
  json.key("reasoning_tokens").integer(usage.reasoning_tokens).close_object();
  json.close_object();
}

void write_finish(const ChatDelta& delta, JsonText& json) {
  json.key("finish_reason");
  if (!delta.finish) {
    json.null();
    return;
  }
  const bool calls = *delta.finish == FinishReason::kStop && delta.calls_done > 0;
  json.string(calls ? "tool_calls" : finish_name(*delta.finish));
  json.key("stop_reason");
  if (*delta.finish == FinishReason::kAbort) {
    json.string("aborted");
  } else if (const auto* text = std::get_if<std::string>(&delta.stop_reason)) {
    json.string(*text);
  } else if (const auto* id = std::get_if<TokenId>(&delta.stop_reason)) {
    json.integer(*id);
  } else {
    json.null();
  }
}

std::string token_label(const TokenLogprob& token, const ReplyOptions& options) {
  return options.tokens_as_ids ? fmt::format("token_id:{}", token.id) : token.bytes;
}

void write_chat_logprobs(const std::vector<TokenLogprob>& tokens, const ReplyOptions& options,
                         JsonText& json) {
  json.open_object().key("content").open_array();
  for (const TokenLogprob& token : tokens) {
    json.open_object();
    write_entry(token, options, json);
    json.key("top_logprobs").open_array();
    for (const TokenLogprob& other : token.top) {
      json.open_object();
      write_entry(other, options, json);
      json.close_object();
    }
    json.close_array().close_object();
  }
  json.close_array().close_object();
}

int64_t write_completion_logprobs(const std::vector<TokenLogprob>& tokens,
                                  const ReplyOptions& options, int64_t first_offset,
                                  JsonText& json) {
  json.open_object().key("text_offset").open_array();
  int64_t offset = first_offset;
  for (const TokenLogprob& token : tokens) {
    json.integer(offset);
    offset += code_points(token.bytes);
  }
  json.close_array().key("token_logprobs").open_array();
  for (const TokenLogprob& token : tokens) {
    write_logprob(token.logprob, json);
  }
  json.close_array().key("tokens").open_array();
  for (const TokenLogprob& token : tokens) {
    json.string(unique_label(token, options));
  }
  json.close_array().key("top_logprobs").open_array();
  for (const TokenLogprob& token : tokens) {
    write_alternatives(token, options, json);
  }
  json.close_array().close_object();
  return offset;
}

void write_ids(std::string_view key, const std::vector<TokenId>& ids, JsonText& json) {
  json.key(key).open_array();
  for (const TokenId id : ids) {
    json.integer(id);
  }
  json.close_array();
}

std::string sse_data(std::string_view json) {
  return fmt::format("data: {}\n\n", json);
}

std::string sse_done() {
  return "data: [DONE]\n\n";
}

std::string openai_error_body(const Error& error, int status) {
  JsonText json;
  json.open_object().key("error").open_object();
  json.key("message").string(error.message);
  json.key("type").string(error_type(status));
  json.key("param");
  if (error.param.empty()) {
    json.null();
  } else {
    json.string(error.param);
  }
  json.key("code").integer(status).close_object().close_object();
  return json.take();
}

}  // namespace dak
