#include "dakkar/server/session.h"

#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/core.h>

#include "dakkar/api/openai_reply.h"
#include "dakkar/base/log.h"

namespace dak {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReadBytes = 16 << 10;

using Parser = http::request_parser<http::string_body>;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

HttpRequest request_of(const Parser& parser) {
  const auto& message = parser.get();
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.path = path_of_target({message.target().data(), message.target().size()});
  for (const auto& field : message) {
    request.fields.emplace_back(lower({field.name_string().data(), field.name_string().size()}),
                                std::string(field.value()));
  }
  return request;
}

HttpReply plain_refusal(int status, std::string message) {
  const Error error{
      .code = ErrorCode::kInvalidArgument, .message = std::move(message), .param = {}};
  return {.status = status,
          .content_type = "application/json",
          .body = openai_error_body(error, status),
          .fields = {}};
}

/// The reply to a request that could not be read; nothing when the client just left.
std::optional<HttpReply> reply_to_bad_request(const boost::system::error_code& error,
                                              int64_t max_body_bytes) {
  if (error == http::error::body_limit) {
    return plain_refusal(
        413, fmt::format("the request body is over the limit of {} bytes", max_body_bytes));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return plain_refusal(431, "the request header is too long");
  }
  const bool ours = error.category() == http::make_error_code(http::error::bad_method).category();
  if (!ours || error == http::error::end_of_stream || error == http::error::partial_message) {
    return std::nullopt;
  }
  return plain_refusal(400, "this is no valid HTTP request: " + error.message());
}

}  // namespace

std::chrono::steady_clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
}

void Signal::raise() {
  raised_ = true;
  timer_.cancel();
}

awaitable<bool> Signal::wait(SteadyTime deadline) {
  if (!raised_) {
    timer_.expires_at(deadline);
    co_await timer_.async_wait(kAwait);
  }
  co_return std::exchange(raised_, false);
}

void WakePost::post() {
  if (posted_.exchange(true)) {
    return;
  }
  asio::post(io_, [this] {
    posted_ = false;
    signal_.raise();
  });
}

Session::Session(SessionHost& host, asio::ip::tcp::socket socket)
    : host_(host),
      stream_(std::move(socket)),
      buffer_(static_cast<size_t>(host.app.config().max_header_bytes) + (size_t{128} << 10)),
      signal_(host.io),
      wake_(host.io, signal_),
      last_write_(steady_now()) {
  host_.sessions.insert(this);
  ++host_.connections;
  boost::system::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

Session::~Session() {
  hold_body(0);
  host_.sessions.erase(this);
  --host_.connections;
}

void Session::close_idle() {
  if (idle_) {
    close_now();
  }
}

void Session::close_now() {
  boost::system::error_code ignored;
  stream_.socket().close(ignored);
  peer_ = Peer::kGone;
  signal_.raise();
}

awaitable<void> Session::run() {
  try {
    co_await serve();
  } catch (const std::exception& problem) {
    log_error(fmt::format("a connection failed: {}", problem.what()));
  }
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
  co_await settle();
}

awaitable<void> Session::serve() {
  while (!host_.closing && co_await read_request()) {
    const After after = co_await answer();
    if (after == After::kClose || host_.closing) {
      break;
    }
  }
}

/// Waits for the first bytes of a request, which may take long on a kept connection.
awaitable<bool> Session::wait_for_bytes() {
  if (buffer_.size() > 0) {
    co_return true;
  }
  idle_ = true;
  stream_.expires_after(duration_of(host_.app.config().idle_seconds));
  const auto space = buffer_.prepare(kReadBytes);
  const auto [error, bytes] = co_await stream_.async_read_some(space, kAwait);
  idle_ = false;
  buffer_.commit(bytes);
  co_return !error && !host_.closing;
}

awaitable<bool> Session::read_request() {
  if (!co_await wait_for_bytes()) {
    co_return false;
  }
  hold_body(0);
  const ServerConfig& config = host_.app.config();
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(config.max_header_bytes));
  parser.body_limit(static_cast<uint64_t>(config.max_body_bytes));
  stream_.expires_after(duration_of(config.header_seconds));
  auto [error, read] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
  request_ = request_of(parser);
  frame_ = {.keep_alive = parser.is_header_done() && parser.keep_alive(),
            .head_only = request_.method == "HEAD",
            .chunked = parser.get().version() >= 11};
  std::optional<HttpReply> refusal;
  if (!error && !parser.is_done()) {
    refusal = refuse_body();
    if (!refusal && lower(request_.field("expect")) == "100-continue") {
      co_await write(std::string(kInterimReply));
    }
  }
  while (!error && !refusal && !parser.is_done()) {
    stream_.expires_after(duration_of(config.body_seconds));
    std::tie(error, read) = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
    hold_body(static_cast<int64_t>(parser.get().body().size()));
    if (host_.body_bytes > config.max_bodies_bytes) {
      refusal = plain_refusal(503, "too many large requests at once: try again later");
    }
  }
  stream_.expires_never();
  if (error) {
    refusal = reply_to_bad_request(error, config.max_body_bytes);
  }
  if (refusal) {
    // Given up before the answer is written: who has read it finds the room free.
    std::string().swap(parser.get().body());
    hold_body(0);
    co_await refuse_and_close(*refusal);
  }
  request_.body = std::move(parser.get().body());
  co_return !error && !refusal;
}

/// Whether the header alone says that the body need not be read.
std::optional<HttpReply> Session::refuse_body() const {
  std::optional<RouteChoice> early = host_.app.refuse_early(request_);
  if (!early) {
    return std::nullopt;
  }
  return std::move(std::get<HttpReply>(early->what));
}

void Session::hold_body(int64_t bytes) {
  host_.body_bytes += bytes - body_held_;
  body_held_ = bytes;
}

awaitable<bool> Session::write(std::string bytes) {
  stream_.expires_after(duration_of(host_.app.config().write_seconds));
  const SteadyTime begin = steady_now();
  const auto [error, written] = co_await asio::async_write(stream_, asio::buffer(bytes), kAwait);
  stream_.expires_never();
  last_write_ = steady_now();
  if (seconds_between(begin, last_write_) > 0.05) {
    host_.app.metrics().backpressure();
  }
  if (error) {
    peer_ = Peer::kGone;
  }
  co_return !error;
}

awaitable<Session::After> Session::send_reply(const HttpReply& reply) {
  status_ = reply.status;
  frame_.keep_alive = frame_.keep_alive && !host_.closing;
  std::string bytes = encode_reply(reply, host_.app.extra_fields(request_), frame_);
  const bool sent = co_await write(std::move(bytes));
  const bool keep = sent && frame_.keep_alive;
  co_return keep ? After::kNextRequest : After::kClose;
}

/// Answers a request whose rest nobody will read. What the client still sends is read for a moment:
/// closing with unread data would make its system throw the reply away.
awaitable<void> Session::refuse_and_close(const HttpReply& reply) {
  const HttpRecord record{.handler = "refused", .status = reply.status, .seconds = 0.0};
  host_.app.metrics().answered(record);
  frame_.keep_alive = false;
  co_await send_reply(reply);
  co_await linger();
}

awaitable<void> Session::linger() {
  boost::system::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(std::chrono::seconds(2));
  for (int reads = 0; reads < 4096; ++reads) {
    buffer_.clear();
    const auto space = buffer_.prepare(kReadBytes);
    const auto [error, bytes] = co_await stream_.async_read_some(space, kAwait);
    if (error || bytes == 0) {
      break;
    }
  }
}

awaitable<void> Session::on_worker(std::function<void()> work) {
  bool done = false;
  asio::post(host_.workers, [this, &work, &done] {
    work();
    asio::post(host_.io, [this, &done] {
      done = true;
      signal_.raise();
    });
  });
  while (!done) {
    co_await signal_.wait(SteadyTime::max());
  }
}

awaitable<Session::After> Session::answer() {
  const SteadyTime arrival = steady_now();
  auto early = host_.app.refuse_early(request_);
  RouteChoice choice = early ? std::move(*early) : host_.app.route(request_);
  const std::string_view handler = choice.handler;
  After after = After::kClose;
  if (const auto* generation = std::get_if<GenerateRoute>(&choice.what)) {
    after = co_await generate(*generation->dialect, arrival);
  } else if (const auto* worker = std::get_if<WorkerRoute>(&choice.what)) {
    HttpReply reply;
    co_await on_worker([&] { reply = worker->answer(); });
    after = co_await send_reply(reply);
  } else {
    after = co_await send_reply(std::get<HttpReply>(choice.what));
  }
  const HttpRecord record{
      .handler = handler, .status = status_, .seconds = seconds_between(arrival, steady_now())};
  host_.app.metrics().answered(record);
  co_return after;
}

}  // namespace dak
