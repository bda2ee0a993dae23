#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dak {

/// What a half-closed connection (the client shut down its write side) means for its request.
enum class HalfClose {
  kKeep,   ///< the client still reads: go on until a write fails or it closes fully
  kAbort,  ///< the client is gone
};

/// Everything about the HTTP side that a user can set. Sizes in bytes, times in seconds.
struct ServerConfig {
  std::string host = "127.0.0.1";
  uint16_t port = 8000;                      ///< 0: any free port
  std::vector<std::string> api_keys;         ///< empty: every caller is let in
  bool auth_metrics = false;                 ///< /metrics needs a key as well
  std::vector<std::string> allowed_origins;  ///< for browsers; "*" is any
  std::string metrics_prefix = "vllm:";
  HalfClose half_close = HalfClose::kKeep;

  int64_t max_body_bytes = int64_t{64} << 20;
  int64_t max_bodies_bytes = int64_t{1} << 30;  ///< of all connections together
  int64_t max_header_bytes = 64 << 10;
  int64_t max_connections = 4096;
  int worker_threads = 2;  ///< for parsing, templates and tokenizing

  double header_seconds = 10.0;      ///< from the first byte of a request to the end of its header
  double body_seconds = 30.0;        ///< longest pause inside a body
  double idle_seconds = 75.0;        ///< a kept connection without a request
  double write_seconds = 300.0;      ///< a client that takes nothing for that long is dropped
  double keep_alive_seconds = 10.0;  ///< silence of a stream before a comment is sent
  double stall_seconds = 10.0;       ///< an engine standing still for that long stalls
};

}  // namespace dak
