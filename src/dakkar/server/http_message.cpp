#include "dakkar/server/http_message.h"

#include <fmt/core.h>

namespace dak {
namespace {

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

std::string encode_fields(const std::vector<HttpField>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text += fmt::format("{}: {}\r\n", name, value);
  }
  return text;
}

std::string_view connection_field(const HttpFrame& frame) {
  return frame.keep_alive ? "connection: keep-alive\r\n" : "connection: close\r\n";
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string path_of_target(std::string_view target) {
  target = target.substr(0, target.find('?'));
  std::string path;
  for (size_t i = 0; i < target.size(); ++i) {
    const bool escape = target[i] == '%' && i + 2 < target.size();
    const int high = escape ? hex_value(target[i + 1]) : -1;
    const int low = escape ? hex_value(target[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      path += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      path += target[i];
    }
  }
  return path;
}

std::string_view HttpRequest::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

bool HttpRequest::asks_to_continue() const {
  return lower_case(field("expect")) == "100-continue";
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

std::string encode_reply(const HttpReply& reply, const std::vector<HttpField>& more,
                         const HttpFrame& frame) {
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", reply.status, reason_phrase(reply.status));
  if (!reply.body.empty() || frame.head_only) {
    text += fmt::format("content-type: {}\r\n", reply.content_type);
  }
  if (reply.status != 204) {
    text += fmt::format("content-length: {}\r\n", reply.body.size());
  }
  text += encode_fields(reply.fields) + encode_fields(more);
  text += connection_field(frame);
  text += "\r\n";
  if (!frame.head_only) {
    text += reply.body;
  }
  return text;
}

std::string encode_stream_head(const std::vector<HttpField>& fields, const HttpFrame& frame) {
  std::string text =
      "HTTP/1.1 200 OK\r\n"
      "content-type: text/event-stream; charset=utf-8\r\n"
      "cache-control: no-cache\r\n"
      "x-accel-buffering: no\r\n";
  if (frame.chunked) {
    text += "transfer-encoding: chunked\r\n";
  }
  text += encode_fields(fields);
  text += connection_field(frame);
  return text + "\r\n";
}

std::string encode_stream_piece(std::string_view data, const HttpFrame& frame) {
  return frame.chunked ? fmt::format("{:x}\r\n{}\r\n", data.size(), data) : std::string(data);
}

std::string_view encode_stream_end(const HttpFrame& frame) {
  return frame.chunked ? "0\r\n\r\n" : "";
}

}  // namespace dak
