#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "dakkar/cli/local_model.h"
#include "dakkar/server/server_state.h"

namespace dak {

/// Memory that a server's self-check may take beside the engine: the memory plan leaves it out.
inline constexpr int64_t kSelfCheckBytes = int64_t{128} << 20;
/// Models of more stored bytes are not checked at the start: plain loops would take too long.
inline constexpr int64_t kSelfCheckWeights = int64_t{64} << 20;

/// Compares the device with the reference kernels once, after the start, and tells the server's
/// state. It loads copies of its own, so the engine notices nothing; its thread has the lowest
/// priority.
class StartCheck final {
 public:
  /// Both are borrowed and outlive it.
  StartCheck(const ModelOptions& options, LocalModel& model, ServerState& state);
  /// Waits for its end.
  ~StartCheck();

 private:
  void run(const ModelOptions& options, LocalModel& model, ServerState& state);

  std::thread thread_;
};

}  // namespace dak
