#include "dakkar/server/http_server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/core.h>

#include "dakkar/base/log.h"
#include "dakkar/server/session.h"

namespace dak {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

namespace {

constexpr std::string_view kFull =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
    "connection: close\r\ncontent-length: 118\r\n\r\n"
    R"({"error":{"message":"too many connections: try again later",)"
    R"("type":"ServiceUnavailableError","param":null,"code":503}})";

asio::awaitable<void> run_session(SessionHost& host, tcp::socket socket) {
  Session session(host, std::move(socket));
  co_await session.run();
}

/// Says no to one connection too many, without waiting for it to read that.
void turn_away(tcp::socket socket) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.send(asio::buffer(kFull), 0, ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

std::string bind_advice(const ServerConfig& config, const boost::system::error_code& error) {
  if (error == asio::error::address_in_use) {
    return fmt::format("port {} is in use: stop what listens there or choose another --port",
                       config.port);
  }
  return fmt::format("cannot listen on {} port {}: {}", config.host, config.port, error.message());
}

}  // namespace

class HttpServer::Io final {
 public:
  explicit Io(ServerApp& app)
      : workers_(static_cast<size_t>(app.config().worker_threads)),
        acceptor_(io_),
        log_timer_(io_),
        host_{.app = app,
              .io = io_,
              .workers = workers_,
              .sessions = {},
              .closing = false,
              .body_bytes = 0,
              .active_calls = 0,
              .connections = 0} {}

  Status listen();
  void start();
  void stop(double grace_seconds);
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] const SessionHost& host() const { return host_; }

 private:
  asio::awaitable<void> accept();
  asio::awaitable<void> log_every_ten_seconds();
  void close_sessions(void (Session::*close)());

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::thread_pool workers_;
  tcp::acceptor acceptor_;
  asio::steady_timer log_timer_;
  SessionHost host_;
  uint16_t port_ = 0;
  std::thread thread_;
};

Status HttpServer::Io::listen() {
  const ServerConfig& config = host_.app.config();
  boost::system::error_code error;
  tcp::resolver resolver(io_);
  const auto found =
      resolver.resolve(config.host, fmt::format("{}", config.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("--host {} is no address of this machine: {}", config.host, error.message()));
  }
  const auto first_v4 = std::find_if(found.begin(), found.end(), [](const auto& entry) {
    return entry.endpoint().address().is_v4();
  });
  // "localhost" means both families; what people type afterwards is mostly 127.0.0.1.
  const tcp::endpoint endpoint =
      first_v4 != found.end() ? first_v4->endpoint() : found.begin()->endpoint();
  acceptor_.open(endpoint.protocol(), error);
  if (!error) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor_.bind(endpoint, error);
  }
  if (!error) {
    acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) {
    return fail(ErrorCode::kInvalidArgument, bind_advice(config, error));
  }
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

asio::awaitable<void> HttpServer::Io::accept() {
  while (!host_.closing) {
    boost::system::error_code error;
    tcp::socket socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (host_.closing || error == asio::error::operation_aborted) {
      break;
    }
    if (error) {
      log_warning(fmt::format("cannot accept a connection: {}", error.message()));
      asio::steady_timer pause(io_, std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (host_.connections >= host_.app.config().max_connections) {
      turn_away(std::move(socket));
      continue;
    }
    asio::co_spawn(io_, run_session(host_, std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> HttpServer::Io::log_every_ten_seconds() {
  while (!host_.closing) {
    boost::system::error_code error;
    log_timer_.expires_after(std::chrono::seconds(10));
    co_await log_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      host_.app.log_status();
    }
  }
}

void HttpServer::Io::start() {
  asio::co_spawn(io_, accept(), asio::detached);
  asio::co_spawn(io_, log_every_ten_seconds(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

void HttpServer::Io::close_sessions(void (Session::*close)()) {
  const std::set<Session*> all = host_.sessions;
  for (Session* session : all) {
    (session->*close)();
  }
}

void HttpServer::Io::stop(double grace_seconds) {
  if (!thread_.joinable()) {
    return;
  }
  asio::post(io_, [this] {
    host_.closing = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    log_timer_.cancel();
    close_sessions(&Session::close_idle);
  });
  const SteadyTime begin = steady_now();
  bool forced = false;
  while (host_.connections > 0) {
    if (!forced && seconds_between(begin, steady_now()) >= grace_seconds) {
      forced = true;
      asio::post(io_, [this] { close_sessions(&Session::close_now); });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  workers_.join();
  work_.reset();
  thread_.join();
}

HttpServer::HttpServer(std::unique_ptr<Io> io) : io_(std::move(io)) {}
HttpServer::~HttpServer() {
  io_->stop(0.0);
}

Result<std::unique_ptr<HttpServer>> HttpServer::open(ServerApp& app) {
  auto io = std::make_unique<Io>(app);
  if (const Status status = io->listen(); !status) {
    return fail(status.error());
  }
  io->start();
  return std::make_unique<HttpServer>(std::move(io));
}

uint16_t HttpServer::port() const {
  return io_->port();
}
int64_t HttpServer::active_calls() const {
  return io_->host().active_calls;
}
int64_t HttpServer::connections() const {
  return io_->host().connections;
}
void HttpServer::stop(double grace_seconds) {
  io_->stop(grace_seconds);
}

}  // namespace dak
