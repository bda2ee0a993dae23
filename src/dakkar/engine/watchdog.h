#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "dakkar/base/clock.h"

namespace dak {

/// An engine's progress, as another thread sees it.
struct Progress {
  double seconds_since = 0.0;  ///< since it last moved; 0 while there is nothing to do
  std::string waits_for;       ///< for people: the step's shape and which ranks are behind
};

/// Tells a stall's beginning and end from looks at the progress.
class StallNotes final {
 public:
  explicit StallNotes(double stall_seconds) : stall_seconds_(stall_seconds) {}

  /// A line for the log when a stall begins or ends with this look; nothing otherwise.
  [[nodiscard]] std::optional<std::string> look(const Progress& progress);

 private:
  const double stall_seconds_;
  double longest_ = 0.0;  ///< of the stall that goes on; 0: none
};

/// Looks at an engine from a thread of its own and writes the notes into the log. Looks come four
/// times in `stall_seconds`, at most once a second.
class Watchdog final {
 public:
  Watchdog(double stall_seconds, std::function<Progress()> look);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

 private:
  void run(double stall_seconds);

  const std::function<Progress()> look_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;  ///< last: it uses the others
};

}  // namespace dak
