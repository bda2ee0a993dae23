#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "dakkar/base/clock.h"
#include "dakkar/server/server_app.h"

namespace dak {

class RequestReader;
class Session;

/// What all connections share. Only the I/O thread touches it, but for the counters.
struct SessionHost {
  ServerApp& app;
  boost::asio::io_context& io;
  boost::asio::thread_pool& workers;
  std::set<Session*> sessions;
  bool closing = false;
  int64_t body_bytes = 0;  ///< of request bodies that are held now
  std::atomic<int64_t> active_calls = 0;
  std::atomic<int64_t> connections = 0;
};

/// What a connection is told before its real reply: go on sending, or that it is still worked on.
inline constexpr std::string_view kInterimReply = "HTTP/1.1 100 Continue\r\n\r\n";

/// A clock's duration of so many seconds.
[[nodiscard]] std::chrono::steady_clock::duration duration_of(double seconds);

/// Lets a coroutine of the I/O thread sleep until it is called or a time is reached.
class Signal final {
 public:
  explicit Signal(boost::asio::io_context& io) : timer_(io) {}
  void raise();
  /// Waits unless it was raised since the last wait. Gives whether it was.
  boost::asio::awaitable<bool> wait(SteadyTime deadline);

 private:
  boost::asio::steady_timer timer_;
  bool raised_ = false;
};

/// Raises a `Signal` from another thread; many calls before the I/O thread looks count as one.
class WakePost final {
 public:
  WakePost(boost::asio::io_context& io, Signal& signal) : io_(io), signal_(signal) {}
  void post();
  /// Whether a post is still on its way; the object may not die then.
  [[nodiscard]] bool pending() const { return posted_; }

 private:
  boost::asio::io_context& io_;
  Signal& signal_;
  std::atomic<bool> posted_ = false;
};

/// One connection: reads a request, answers it, goes on to the next.
class Session final {
 public:
  Session(SessionHost& host, boost::asio::ip::tcp::socket socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Serves the connection until it ends.
  boost::asio::awaitable<void> run();
  /// Closes it if it waits for a request.
  void close_idle();
  /// Closes it whatever it does.
  void close_now();

 private:
  enum class After { kNextRequest, kClose };
  /// Whether the client is still there while a request is worked on.
  enum class Peer { kReading, kHalfClosed, kGone };

  boost::asio::awaitable<void> serve();
  boost::asio::awaitable<bool> wait_for_bytes();
  boost::asio::awaitable<bool> read_request();
  boost::asio::awaitable<bool> feed(RequestReader& reader);
  boost::asio::awaitable<After> answer();
  boost::asio::awaitable<After> generate(const Dialect& dialect, SteadyTime arrival);
  boost::asio::awaitable<After> follow(ChatCall& call);
  boost::asio::awaitable<After> deliver(ChatCall& call, std::string bytes);
  boost::asio::awaitable<void> on_worker(std::function<void()> work);
  boost::asio::awaitable<After> send_reply(const HttpReply& reply);
  boost::asio::awaitable<void> refuse_and_close(const HttpReply& reply);
  boost::asio::awaitable<bool> write(std::string bytes);
  boost::asio::awaitable<void> linger();
  boost::asio::awaitable<void> settle();
  boost::asio::awaitable<bool> look_after(ChatCall& call);
  boost::asio::awaitable<bool> probe_peer(ReplyMode mode);

  [[nodiscard]] std::optional<HttpReply> refuse_body() const;
  void hold_body(int64_t bytes);
  void watch_peer();
  void note_read(const boost::system::error_code& error, size_t bytes);
  [[nodiscard]] bool peer_is_gone();
  [[nodiscard]] SteadyTime next_look() const;

  SessionHost& host_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  Signal signal_;
  WakePost wake_;
  HttpRequest request_;
  HttpFrame frame_;
  int64_t body_held_ = 0;  ///< this connection's part of the host's `body_bytes`
  bool idle_ = false;
  bool stream_begun_ = false;
  int status_ = 200;

  boost::asio::cancellation_signal stop_read_;
  bool watching_ = false;
  Peer peer_ = Peer::kReading;
  SteadyTime look_at_;  ///< when to look after the client and the engine again
  int looks_ = 0;       ///< how often a half-closed peer was looked at
  SteadyTime last_write_;
};

}  // namespace dak
