#pragma once

#include <string>

#include "dakkar/api/dialect.h"
#include "dakkar/api/json_text.h"

namespace dak {

/// Pieces of OpenAI's replies that both routes share (spec/serving.md 2.5 and 3.3 to 3.6).

/// The value of `usage`.
void write_usage(const ChatUsage& usage, JsonText& json);

/// The value of a choice's `finish_reason` and `stop_reason`, keys included; null both while it
/// runs.
void write_finish(const ChatDelta& delta, JsonText& json);

/// Text of a token in log-probability entries, valid UTF-8 or `token_id:N`.
[[nodiscard]] std::string token_label(const TokenLogprob& token, const ReplyOptions& options);

/// The value of a chat choice's `logprobs`.
void write_chat_logprobs(const std::vector<TokenLogprob>& tokens, const ReplyOptions& options,
                         JsonText& json);

/// The value of a completion choice's `logprobs`. `text_offset` counts code points from
/// `first_offset`; gives the offset behind the last token.
int64_t write_completion_logprobs(const std::vector<TokenLogprob>& tokens,
                                  const ReplyOptions& options, int64_t first_offset,
                                  JsonText& json);

/// The array of `ids` under `key`.
void write_ids(std::string_view key, const std::vector<TokenId>& ids, JsonText& json);

/// An event of a stream.
[[nodiscard]] std::string sse_data(std::string_view json);

/// What ends a stream.
[[nodiscard]] std::string sse_done();

/// {"error": {...}}
[[nodiscard]] std::string openai_error_body(const Error& error, int status);

}  // namespace dak
