#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <poll.h>

#include "dakkar/api/openai_parse.h"
#include "dakkar/api/random_id.h"
#include "dakkar/server/session.h"

/// The part of a session that follows a generation: its stream out, and an eye on the client.
namespace dak {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr size_t kMaxPipelined = 64 << 10;
constexpr std::string_view kComment = ": keep-alive\n\n";

/// Counts one more as long as it lives.
class CountedCall final {
 public:
  explicit CountedCall(std::atomic<int64_t>& count) : count_(count) { ++count_; }
  ~CountedCall() { --count_; }
  CountedCall(const CountedCall&) = delete;
  CountedCall& operator=(const CountedCall&) = delete;

 private:
  std::atomic<int64_t>& count_;
};

}  // namespace

awaitable<Session::After> Session::generate(const Dialect& dialect, SteadyTime arrival) {
  std::string id(request_.field("x-request-id"));
  if (!is_request_id(id)) {
    id = random_request_id();
  }
  PreparedOrReply prepared;
  co_await on_worker([&] { prepared = host_.app.prepare(dialect, request_, id); });
  if (const auto* refusal = std::get_if<HttpReply>(&prepared)) {
    co_return co_await send_reply(*refusal);
  }
  request_.body = std::string();
  hold_body(0);
  CallOrReply started = host_.app.start(
      dialect, std::move(std::get<PreparedCall>(prepared)), [this] { wake_.post(); }, arrival);
  if (const auto* refusal = std::get_if<HttpReply>(&started)) {
    co_return co_await send_reply(*refusal);
  }
  auto& call = std::get<std::unique_ptr<ChatCall>>(started);
  const CountedCall counted(host_.active_calls);
  peer_ = Peer::kReading;
  looks_ = 0;
  look_at_ = next_look();
  watch_peer();
  const After after = co_await follow(*call);
  if (peer_ == Peer::kGone && !call->finished()) {
    host_.app.metrics().disconnected();
  }
  call.reset();
  co_await settle();
  co_return peer_ == Peer::kReading ? after : After::kClose;
}

/// Passes on what the engine makes until the call has ended or the client is gone.
awaitable<Session::After> Session::follow(ChatCall& call) {
  stream_begun_ = false;
  if (call.mode() == ReplyMode::kStream) {
    stream_begun_ = true;
    status_ = 200;
    frame_.keep_alive = frame_.keep_alive && frame_.chunked && !host_.closing;
    std::string head = encode_stream_head(host_.app.extra_fields(request_), frame_);
    co_await write(std::move(head));
  }
  for (;;) {
    if (peer_is_gone()) {
      co_return After::kClose;
    }
    std::string bytes = call.pull();
    if (call.finished()) {
      co_return co_await deliver(call, std::move(bytes));
    }
    if (!bytes.empty() && stream_begun_) {
      std::string piece = encode_stream_piece(bytes, frame_);
      co_await write(std::move(piece));
      continue;
    }
    co_await signal_.wait(look_at_);
    if (steady_now() < look_at_) {
      continue;
    }
    if (!co_await look_after(call)) {
      co_return co_await deliver(call, std::string());
    }
    look_at_ = next_look();
  }
}

/// Sends the end of a stream or the whole reply.
awaitable<Session::After> Session::deliver(ChatCall& call, std::string bytes) {
  if (call.mode() == ReplyMode::kStream) {
    std::string rest = bytes.empty() ? std::string() : encode_stream_piece(bytes, frame_);
    rest += encode_stream_end(frame_);
    if (!rest.empty()) {
      co_await write(std::move(rest));
    }
    const bool keep = peer_ != Peer::kGone && frame_.keep_alive;
    co_return keep ? After::kNextRequest : After::kClose;
  }
  HttpReply reply;
  if (call.error()) {
    reply = host_.app.error_reply(*call.error(), nullptr);
  } else {
    reply.body = std::move(bytes);
  }
  co_return co_await send_reply(reply);
}

/// Runs every second or so: ends calls of a dead engine, breaks the silence of a stream, finds out
/// whether a half-closed client still lives. False when the call was given up.
awaitable<bool> Session::look_after(ChatCall& call) {
  if (const std::optional<Error> dead = host_.app.engine_failure()) {
    const std::string bytes = call.abort(*dead);
    if (!bytes.empty()) {
      std::string piece = encode_stream_piece(bytes, frame_);
      co_await write(std::move(piece));
    }
    co_return false;
  }
  const double quiet = seconds_between(last_write_, steady_now());
  const bool due = quiet >= host_.app.config().keep_alive_seconds;
  if (stream_begun_ && due) {
    std::string piece = encode_stream_piece(kComment, frame_);
    co_await write(std::move(piece));
  }
  if (peer_ == Peer::kHalfClosed) {
    co_await probe_peer(call.mode());
  }
  co_return true;
}

/// A client that closed fully looks like one that only stopped sending until something is sent to
/// it; its system then answers with a reset. A comment or an interim reply does no harm to a client
/// that still reads.
awaitable<bool> Session::probe_peer(ReplyMode mode) {
  ++looks_;
  const bool now = looks_ == 1 || seconds_between(last_write_, steady_now()) >=
                                      host_.app.config().keep_alive_seconds;
  if (!now || !frame_.chunked) {
    co_return true;
  }
  std::string probe = mode == ReplyMode::kStream ? encode_stream_piece(kComment, frame_)
                                                 : std::string(kInterimReply);
  co_return co_await write(std::move(probe));
}

SteadyTime Session::next_look() const {
  const SteadyTime quiet = last_write_ + duration_of(host_.app.config().keep_alive_seconds);
  SteadyTime next = std::min(std::max(quiet, steady_now() + std::chrono::milliseconds(1)),
                             steady_now() + std::chrono::seconds(1));
  if (peer_ == Peer::kHalfClosed) {
    const int shift = std::min(looks_, 7);
    next = std::min(next, steady_now() + std::chrono::milliseconds(looks_ == 0 ? 0 : 2 << shift));
  }
  return next;
}

/// Reads ahead while a request is worked on: to see the client go, and to keep what it pipelines.
void Session::watch_peer() {
  if (buffer_.size() >= kMaxPipelined) {
    return;
  }
  watching_ = true;
  const auto space = buffer_.prepare(4096);
  stream_.socket().async_read_some(
      space, asio::bind_cancellation_slot(
                 stop_read_.slot(), [this](const boost::system::error_code& error, size_t bytes) {
                   note_read(error, bytes);
                 }));
}

void Session::note_read(const boost::system::error_code& error, size_t bytes) {
  watching_ = false;
  buffer_.commit(bytes);
  if (!error) {
    watch_peer();
    return;
  }
  if (error == asio::error::eof) {
    const bool half = host_.app.config().half_close == HalfClose::kKeep;
    peer_ = half ? Peer::kHalfClosed : Peer::kGone;
    look_at_ = steady_now();
  } else if (error != asio::error::operation_aborted) {
    peer_ = Peer::kGone;
  }
  signal_.raise();
}

/// Waits until nothing that was started for the last call can come back to this object.
awaitable<void> Session::settle() {
  while (watching_) {
    stop_read_.emit(asio::cancellation_type::total);
    co_await signal_.wait(steady_now() + std::chrono::milliseconds(20));
  }
  while (wake_.pending()) {
    co_await asio::post(host_.io, asio::use_awaitable);
  }
}

bool Session::peer_is_gone() {
  if (peer_ == Peer::kHalfClosed) {
    pollfd look{.fd = stream_.socket().native_handle(), .events = 0, .revents = 0};
    if (poll(&look, 1, 0) > 0 && (look.revents & (POLLERR | POLLHUP)) != 0) {
      peer_ = Peer::kGone;
    }
  }
  return peer_ == Peer::kGone;
}

}  // namespace dak
