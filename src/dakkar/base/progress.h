#pragma once

#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>

#include "dakkar/base/clock.h"

namespace dak {

/// How far a long read has come.
struct ProgressState {
  std::string_view label;  ///< what is read, e.g. "loading weights"
  int64_t bytes_done = 0;
  int64_t bytes_total = 0;
  double seconds = 0.0;  ///< since the start
};

/// One line without a line end: label, share, bytes of bytes, GB/s (1 GB = 1e9 bytes), seconds
/// left.
[[nodiscard]] std::string progress_line(const ProgressState& state);

/// As `progress_line` with a bar of `bar_columns` columns in front of the figures.
[[nodiscard]] std::string progress_bar(const ProgressState& state, int bar_columns);

/// Where progress goes: a bar redrawn in place, a plain line every few seconds, or nowhere.
enum class ProgressStyle { kBar, kLines, kSilent };

/// `kBar` when `stream` is a terminal, else `kLines`.
[[nodiscard]] ProgressStyle progress_style_for(std::FILE* stream);

/// Shows how far a long read has come. Safe from any thread.
///
/// The bar is redrawn at most ten times a second; lines come at most every three seconds. A read
/// that ends within the first second writes only its last line.
class ProgressMeter final {
 public:
  /// Writes to `stream`, which must stay open.
  ProgressMeter(std::string label, std::FILE* stream, ProgressStyle style);
  ProgressMeter(const ProgressMeter&) = delete;
  ProgressMeter& operator=(const ProgressMeter&) = delete;

  /// Notes that `bytes_done` of `bytes_total` are read; writes when it is time to.
  void update(int64_t bytes_done, int64_t bytes_total);
  /// Counts what was not read as done and writes the last line with the overall speed, once.
  void finish();

 private:
  [[nodiscard]] bool due(SteadyTime now) const;
  void write(SteadyTime now);

  const std::string label_;
  std::FILE* const stream_;
  const ProgressStyle style_;
  const SteadyTime start_ = steady_now();
  std::mutex mutex_;
  SteadyTime last_write_ = start_;
  int64_t bytes_done_ = 0;
  int64_t bytes_total_ = 0;
  bool finished_ = false;
};

}  // namespace dak
