#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dak {

/// An HTTP answer as a test sees it.
struct HttpAnswer {
  int status = 0;  ///< 0: the connection ended before a status line
  std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case
  std::string body;

  [[nodiscard]] std::string field(std::string_view name) const;
};

/// One connection to 127.0.0.1, by plain blocking sockets, so that tests see bytes and run under
/// sanitizers. Every wait ends after `kPatienceSeconds`.
class HttpClient final {
 public:
  static constexpr int kPatienceSeconds = 20;

  explicit HttpClient(uint16_t port);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends bytes as they are; false when the connection is gone.
  bool send(std::string_view bytes) const;
  /// Sends a request with a Content-Length. `fields` are whole lines with their ends.
  bool request(std::string_view method_and_path, std::string_view body,
               std::string_view fields = "") const;

  /// Reads a complete answer, chunked or not; interim answers are skipped.
  [[nodiscard]] HttpAnswer read_answer();
  /// Reads the head of an answer only.
  [[nodiscard]] HttpAnswer read_head();
  /// Reads the next event of a stream, without its empty line; nothing at the end of the stream.
  [[nodiscard]] std::optional<std::string> next_event();
  /// Whether the server has closed the connection; reads what is left.
  [[nodiscard]] bool at_end();

  /// Closes both directions.
  void close();
  /// Closes the sending direction only.
  void close_sending() const;
  /// Makes the system keep at most about `bytes` of unread data.
  void shrink_receive_buffer(int bytes) const;

 private:
  [[nodiscard]] bool fill();
  [[nodiscard]] std::optional<std::string> read_line();
  [[nodiscard]] std::string read_exactly(size_t bytes);
  [[nodiscard]] std::optional<std::string> read_chunk();

  int socket_ = -1;
  std::string buffer_;
  std::string events_;
  bool chunked_ = false;
};

/// One request on a connection of its own.
[[nodiscard]] HttpAnswer http_get(uint16_t port, std::string_view path,
                                  std::string_view fields = "");
[[nodiscard]] HttpAnswer http_post(uint16_t port, std::string_view path, std::string_view body,
                                   std::string_view fields = "");

}  // namespace dak
