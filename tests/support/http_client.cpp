#include "support/http_client.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace dak {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

std::string HttpAnswer::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

HttpClient::HttpClient(uint16_t port) {
  socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  const int on = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    close();
  }
}

HttpClient::~HttpClient() {
  close();
}

void HttpClient::close() {
  if (socket_ >= 0) {
    ::close(socket_);
    socket_ = -1;
  }
}

void HttpClient::close_sending() const {
  shutdown(socket_, SHUT_WR);
}

void HttpClient::shrink_receive_buffer(int bytes) const {
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

bool HttpClient::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool HttpClient::request(std::string_view method_and_path, std::string_view body,
                         std::string_view fields) const {
  return send(fmt::format("{} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n{}\r\n{}",
                          method_and_path, body.size(), fields, body));
}

bool HttpClient::fill() {
  char bytes[16384];
  const ssize_t got = socket_ < 0 ? -1 : recv(socket_, bytes, sizeof(bytes), 0);
  if (got <= 0) {
    return false;
  }
  buffer_.append(bytes, static_cast<size_t>(got));
  return true;
}

std::optional<std::string> HttpClient::read_line() {
  size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!fill()) {
      return std::nullopt;
    }
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string HttpClient::read_exactly(size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string data = buffer_.substr(0, bytes);
  buffer_.erase(0, data.size());
  return data;
}

HttpAnswer HttpClient::read_head() {
  HttpAnswer answer;
  const std::optional<std::string> status = read_line();
  if (!status || status->size() < 12) {
    return answer;
  }
  answer.status = std::atoi(status->c_str() + 9);
  for (std::optional<std::string> line; (line = read_line()) && !line->empty();) {
    const size_t colon = std::min(line->find(": "), line->size());
    answer.fields.emplace_back(lower(line->substr(0, colon)),
                               line->substr(std::min(colon + 2, line->size())));
  }
  chunked_ = answer.field("transfer-encoding") == "chunked";
  return answer.status == 100 ? read_head() : answer;
}

std::optional<std::string> HttpClient::read_chunk() {
  const std::optional<std::string> size = read_line();
  if (!size) {
    return std::nullopt;
  }
  const auto bytes = static_cast<size_t>(std::strtoul(size->c_str(), nullptr, 16));
  std::string data = read_exactly(bytes);
  (void)read_line();
  return bytes == 0 ? std::nullopt : std::optional(std::move(data));
}

HttpAnswer HttpClient::read_answer() {
  HttpAnswer answer = read_head();
  if (chunked_) {
    while (const std::optional<std::string> chunk = read_chunk()) {
      answer.body += *chunk;
    }
    return answer;
  }
  const std::string length = answer.field("content-length");
  answer.body = read_exactly(static_cast<size_t>(std::atoll(length.c_str())));
  return answer;
}

std::optional<std::string> HttpClient::next_event() {
  size_t end = 0;
  while ((end = events_.find("\n\n")) == std::string::npos) {
    const std::optional<std::string> chunk = read_chunk();
    if (!chunk) {
      return std::nullopt;
    }
    events_ += *chunk;
  }
  std::string event = events_.substr(0, end);
  events_.erase(0, end + 2);
  return event;
}

bool HttpClient::at_end() {
  while (fill()) {
  }
  char byte = 0;
  const ssize_t got = recv(socket_, &byte, 1, MSG_DONTWAIT);
  return got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

HttpAnswer http_get(uint16_t port, std::string_view path, std::string_view fields) {
  HttpClient client(port);
  client.request(fmt::format("GET {}", path), "", fields);
  return client.read_answer();
}

HttpAnswer http_post(uint16_t port, std::string_view path, std::string_view body,
                     std::string_view fields) {
  HttpClient client(port);
  client.request(fmt::format("POST {}", path), body, fields);
  return client.read_answer();
}

}  // namespace dak
