#include "dakkar/server/session.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/core.h>

#include "dakkar/base/log.h"
#include "dakkar/server/request_reader.h"

namespace dak {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::awaitable;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr size_t kReadBytes = 16 << 10;

RequestReader::Limits limits_of(const ServerConfig& config) {
  return {.header_bytes = config.max_header_bytes, .body_bytes = config.max_body_bytes};
}

size_t longest_piece(const ServerConfig& config) {
  return static_cast<size_t>(RequestReader::longest_piece(limits_of(config)));
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
      buffer_(longest_piece(host.app.config())),
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
  RequestReader reader(limits_of(config));
  stream_.expires_after(duration_of(config.header_seconds));
  bool open = true;
  while (open && reader.state() == RequestReader::State::kHeader) {
    open = co_await feed(reader);
  }
  request_ = reader.head();
  frame_ = reader.frame();
  std::optional<HttpReply> refusal;
  if (reader.state() == RequestReader::State::kBody) {
    refusal = refuse_body();
    if (!refusal && request_.asks_to_continue()) {
      co_await write(std::string(kInterimReply));
    }
  }
  while (open && !refusal && reader.state() == RequestReader::State::kBody) {
    stream_.expires_after(duration_of(config.body_seconds));
    open = co_await feed(reader);
    hold_body(reader.body_bytes());
    if (host_.body_bytes > config.max_bodies_bytes) {
      refusal = plain_refusal(503, "too many large requests at once: try again later");
    }
  }
  stream_.expires_never();
  if (reader.state() == RequestReader::State::kFailed) {
    refusal = reader.refusal();
  }
  request_.body = reader.take_body();
  if (refusal) {
    // Given up before the answer is written: who has read it finds the room free.
    std::string().swap(request_.body);
    hold_body(0);
    co_await refuse_and_close(*refusal);
  }
  co_return reader.state() == RequestReader::State::kDone && !refusal;
}

/// Lets the reader go on, with more bytes from the client when it needs them. False when there are
/// none to come.
awaitable<bool> Session::feed(RequestReader& reader) {
  const RequestReader::State before = reader.state();
  const auto held = buffer_.cdata();
  const size_t taken = reader.put({static_cast<const char*>(held.data()), held.size()});
  buffer_.consume(taken);
  if (taken > 0 || reader.state() != before) {
    co_return true;
  }
  const auto space = buffer_.prepare(std::min(kReadBytes, buffer_.max_size() - buffer_.size()));
  const auto [error, bytes] = co_await stream_.async_read_some(space, kAwait);
  buffer_.commit(bytes);
  co_return !error;
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
