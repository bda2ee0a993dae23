#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dakkar/server/http_message.h"

namespace dak {

/// Reads one HTTP/1 request out of bytes as they come, without a socket.
class RequestReader final {
 public:
  struct Limits {
    int64_t header_bytes = 0;
    int64_t body_bytes = 0;
  };
  enum class State {
    kHeader,  ///< wants more of the header
    kBody,    ///< the header is whole, the body is not
    kDone,
    kFailed,  ///< this is no request that can be answered: see `refusal`
  };

  explicit RequestReader(const Limits& limits);
  ~RequestReader();

  /// Takes what belongs to this request from the front of `bytes` and gives how many bytes that is;
  /// stops behind the header once, so that it can be judged. Whoever gets 0 in an unchanged state
  /// comes again with the same bytes and more behind them.
  size_t put(std::string_view bytes);

  [[nodiscard]] State state() const { return state_; }
  /// Bytes that `put` may have to see at once: a buffer of that size is never too short.
  [[nodiscard]] static int64_t longest_piece(const Limits& limits);

  /// What is known of the request's header; complete from `kBody` on. The body is empty.
  [[nodiscard]] HttpRequest head() const;
  /// How to answer: what the client can take, and whether the connection may stay open.
  [[nodiscard]] HttpFrame frame() const;
  /// Bytes of the body that are held.
  [[nodiscard]] int64_t body_bytes() const;
  /// Hands the body over.
  [[nodiscard]] std::string take_body();

  /// The answer to a request that could not be read: 400, 413 or 431.
  [[nodiscard]] std::optional<HttpReply> refusal() const;

 private:
  struct Parser;

  const Limits limits_;
  std::unique_ptr<Parser> parser_;
  State state_ = State::kHeader;
  int64_t header_taken_ = 0;
};

/// A reply with a status and a sentence, as an OpenAI error.
[[nodiscard]] HttpReply plain_refusal(int status, std::string_view message);

}  // namespace dak
