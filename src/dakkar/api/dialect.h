#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/api/chat_delta.h"
#include "dakkar/api/chat_request.h"
#include "dakkar/api/served_model.h"
#include "dakkar/base/error.h"

namespace dak {

/// What a reply needs to know about its request.
struct ReplyInfo {
  std::string id;     ///< without prefix
  std::string model;  ///< the name replies carry
  std::string fingerprint;
  int64_t created = 0;  ///< Unix seconds
  int64_t choices = 1;
  ReplyOptions options;
  /// Per choice, what `echo` puts in front; empty without.
  std::vector<std::string> echoes;
  /// Per choice, the prompt's ids when `options.token_ids`; empty without.
  std::vector<std::vector<TokenId>> prompt_ids;
};

/// Encodes one request's answer: events in stream mode, one body otherwise.
///
/// In stream mode each function gives the bytes to send now, maybe none. In whole mode all but
/// `finish` give nothing.
class ReplyWriter {
 public:
  virtual ~ReplyWriter() = default;

  /// Takes the next increment of any choice. `usage` counts what has happened up to it.
  [[nodiscard]] virtual std::string add(const ChatDelta& delta, const ChatUsage& usage) = 0;
  /// Ends a successful answer.
  [[nodiscard]] virtual std::string finish(const ChatUsage& usage) = 0;
  /// Ends a stream that cannot go on.
  [[nodiscard]] virtual std::string fail(const Error& error) = 0;
};

/// One API's JSON, both ways. Stateless, safe from any thread.
class Dialect {
 public:
  virtual ~Dialect() = default;

  /// Parses and checks a body. `id` is the request id that the client's header or the server gave.
  /// Errors: kInvalidArgument with the field in `param`, kNotFound for an unknown model,
  /// kUnimplemented for a feature that this build does not have.
  [[nodiscard]] virtual Result<ChatRequest> parse(std::string_view body, std::string_view id,
                                                  const ServedModel& model) const = 0;
  [[nodiscard]] virtual std::unique_ptr<ReplyWriter> open_reply(ReplyInfo info) const = 0;
  /// The body of an error reply with this HTTP status.
  [[nodiscard]] virtual std::string error_body(const Error& error, int status) const = 0;
};

/// The HTTP status of an error, the same in all dialects.
[[nodiscard]] int http_status(ErrorCode code);

}  // namespace dak
