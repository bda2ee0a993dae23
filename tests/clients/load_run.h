#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace dak {

/// Counts times in buckets of one part in twelve, so that its size does not depend on how many
/// there are. Thread-safe.
class GapCounts final {
 public:
  void add(double seconds);
  /// The time that this share of all gaps does not exceed; 0 when there are none.
  [[nodiscard]] double quantile(double share) const;
  [[nodiscard]] int64_t total() const;

 private:
  std::array<std::atomic<int64_t>, 320> buckets_{};
};

/// What clients saw. A request ends in exactly one of the last four.
struct LoadCounts {
  std::atomic<int64_t> sent = 0;
  std::atomic<int64_t> completed = 0;
  std::atomic<int64_t> cancelled = 0;  ///< the client left
  std::atomic<int64_t> refused = 0;    ///< 429 with a Retry-After
  std::atomic<int64_t> broken = 0;
  GapCounts gaps;  ///< between the events of a stream
};

/// One streamed request; every third leaves after its second event.
void run_request(uint16_t port, int64_t number, LoadCounts& seen);

/// Clients that send one request after another.
struct LoadArgs {
  uint16_t port = 0;
  int clients = 16;
  double seconds = 10.0;
};

/// Memory at half of the time and at its end.
struct LoadMemory {
  int64_t half = 0;
  int64_t end = 0;
};

/// Keeps all clients busy for that long, lets the last requests end.
LoadMemory run_load(const LoadArgs& args, LoadCounts& seen);

}  // namespace dak
