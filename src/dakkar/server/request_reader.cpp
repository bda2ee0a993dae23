#include "dakkar/server/request_reader.h"

#include <string>
#include <utility>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/core.h>

#include "dakkar/api/openai_reply.h"

namespace dak {

namespace http = boost::beast::http;

namespace {

/// Beside a header, what may stand in one piece: the line before a chunk with its extensions.
constexpr int64_t kLongestChunkLine = int64_t{128} << 10;

/// What a chunked body ends with is no shorter. Beast asserts that it sees that much at once, and
/// a client could send less.
constexpr std::string_view kShortestEnd = "0\r\n\r\n";

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> beast;
  boost::system::error_code error;
};

RequestReader::RequestReader(const Limits& limits)
    : limits_(limits), parser_(std::make_unique<Parser>()) {
  parser_->beast.header_limit(static_cast<uint32_t>(limits.header_bytes));
  parser_->beast.body_limit(static_cast<uint64_t>(limits.body_bytes));
}

RequestReader::~RequestReader() = default;

int64_t RequestReader::longest_piece(const Limits& limits) {
  return limits.header_bytes + kLongestChunkLine;
}

size_t RequestReader::put(std::string_view bytes) {
  size_t taken = 0;
  const State before = state_;
  while (taken < bytes.size() && state_ == before &&
         (state_ == State::kHeader || state_ == State::kBody)) {
    const std::string_view rest = bytes.substr(taken);
    if (state_ == State::kBody && parser_->beast.chunked() && rest.size() < kShortestEnd.size()) {
      break;
    }
    boost::system::error_code error;
    taken += parser_->beast.put({rest.data(), rest.size()}, error);
    // Beast counts the first line or not, depending on how the bytes came.
    if (before == State::kHeader &&
        header_taken_ + static_cast<int64_t>(taken) > limits_.header_bytes) {
      error = http::error::header_limit;
    }
    if (error == http::error::need_more) {
      if (static_cast<int64_t>(bytes.size() - taken) >= longest_piece(limits_)) {
        parser_->error = http::error::buffer_overflow;
        state_ = State::kFailed;
      }
      break;
    }
    parser_->error = error;
    if (error) {
      state_ = State::kFailed;
    } else if (parser_->beast.is_done()) {
      state_ = State::kDone;
    } else if (parser_->beast.is_header_done()) {
      state_ = State::kBody;
    }
  }
  header_taken_ += before == State::kHeader ? static_cast<int64_t>(taken) : 0;
  return taken;
}

HttpRequest RequestReader::head() const {
  const auto& message = parser_->beast.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = path_of_target({message.target().data(), message.target().size()});
  for (const auto& field : message) {
    request.fields.emplace_back(
        lower_case({field.name_string().data(), field.name_string().size()}),
        std::string(field.value()));
  }
  return request;
}

HttpFrame RequestReader::frame() const {
  const auto& message = parser_->beast.get();
  return {.keep_alive = parser_->beast.is_header_done() && parser_->beast.keep_alive(),
          .head_only = message.method_string() == "HEAD",
          .chunked = message.version() >= 11};
}

int64_t RequestReader::body_bytes() const {
  return static_cast<int64_t>(parser_->beast.get().body().size());
}

std::string RequestReader::take_body() {
  return std::exchange(parser_->beast.get().body(), std::string());
}

std::optional<HttpReply> RequestReader::refusal() const {
  if (state_ != State::kFailed) {
    return std::nullopt;
  }
  const boost::system::error_code& error = parser_->error;
  if (error == http::error::body_limit) {
    return plain_refusal(
        413, fmt::format("the request body is over the limit of {} bytes", limits_.body_bytes));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return plain_refusal(431, "the request header is too long");
  }
  return plain_refusal(400, "this is no valid HTTP request: " + error.message());
}

HttpReply plain_refusal(int status, std::string_view message) {
  const Error error{
      .code = ErrorCode::kInvalidArgument, .message = std::string(message), .param = {}};
  return {.status = status,
          .content_type = "application/json",
          .body = openai_error_body(error, status),
          .fields = {}};
}

}  // namespace dak
