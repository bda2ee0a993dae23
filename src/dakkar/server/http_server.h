#pragma once

#include <cstdint>
#include <memory>

#include "dakkar/base/error.h"
#include "dakkar/server/server_app.h"

namespace dak {

/// Listens, reads requests, writes replies and streams; what to answer is `ServerApp`'s.
///
/// One thread runs all connections as coroutines; a few workers parse and tokenize. A client that
/// reads slowly holds up nobody but itself. A client that goes away has its request cancelled at
/// once.
class HttpServer final {
 public:
  /// Binds to the config's host and port and starts serving. `app` outlives the server.
  /// Errors: an address that cannot be bound, with what to do about it.
  static Result<std::unique_ptr<HttpServer>> open(ServerApp& app);
  /// Stops at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  class Io;
  /// For `open`.
  explicit HttpServer(std::unique_ptr<Io> io);

  /// The port that it listens on.
  [[nodiscard]] uint16_t port() const;
  /// Generations that are being answered now.
  [[nodiscard]] int64_t active_calls() const;
  /// Connections that are open now.
  [[nodiscard]] int64_t connections() const;

  /// Accepts nothing more, closes idle connections, gives the others `grace_seconds` to end, then
  /// closes them. Returns when all threads have ended.
  void stop(double grace_seconds);

 private:
  std::unique_ptr<Io> io_;
};

}  // namespace dak
