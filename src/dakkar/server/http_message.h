#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dak {

/// A header field; names in lower case.
using HttpField = std::pair<std::string, std::string>;

/// A request as routes see it, whatever library read it.
struct HttpRequest {
  std::string method;  ///< "GET", in capitals
  std::string path;    ///< without the query string
  std::vector<HttpField> fields;
  std::string body;

  /// The first field of that name (lower case), or nothing.
  [[nodiscard]] std::string_view field(std::string_view name) const;
  /// Whether the client waits for leave to send its body.
  [[nodiscard]] bool asks_to_continue() const;
};

/// `text` with its ASCII letters small.
[[nodiscard]] std::string lower_case(std::string_view text);

/// The path of a request target: without query, percent escapes decoded where they are valid.
[[nodiscard]] std::string path_of_target(std::string_view target);

/// A reply in one piece.
struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<HttpField> fields;
};

/// What the frame around a reply depends on.
struct HttpFrame {
  bool keep_alive = true;  ///< the connection stays open
  bool head_only = false;  ///< HEAD: length without body
  bool chunked = true;     ///< streams: HTTP/1.1 chunks; false: until close
};

/// A whole reply as it goes over the wire; `more` fields follow its own.
[[nodiscard]] std::string encode_reply(const HttpReply& reply, const std::vector<HttpField>& more,
                                       const HttpFrame& frame);

/// The head of an event stream. `fields` are added to the fixed ones.
[[nodiscard]] std::string encode_stream_head(const std::vector<HttpField>& fields,
                                             const HttpFrame& frame);

/// A piece of a stream's body; `data` is not empty.
[[nodiscard]] std::string encode_stream_piece(std::string_view data, const HttpFrame& frame);

/// The end of a stream's body.
[[nodiscard]] std::string_view encode_stream_end(const HttpFrame& frame);

}  // namespace dak
