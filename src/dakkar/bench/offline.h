#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/bench/op_meter.h"
#include "dakkar/bench/peaks.h"
#include "dakkar/engine/engine.h"

namespace dak::bench {

/// What is asked of an engine at once.
struct OfflineShape {
  int64_t batch = 1;
  int64_t input_tokens = 512;
  int64_t output_tokens = 64;  ///< at least 2
};

/// One timed go: `batch` requests submitted together, drained to their last token.
struct OfflineBurst {
  double prefill_seconds = 0.0;  ///< from the first submit until every request has its first token
  double decode_seconds = 0.0;   ///< from there until the first request ends
  int64_t decode_tokens = 0;     ///< that arrived in that time
  OpMeter::Totals totals;
  Peaks peaks;          ///< means of probes before and after the burst
  bool steady = false;  ///< the two read probes agree within 15%

  /// Seconds per decode step as a reader of the streams sees it.
  [[nodiscard]] double seconds_per_step(const OfflineShape& shape) const;
  /// Adds times, tokens and totals of another burst of the same shape; the peaks stay.
  void add(const OfflineBurst& other);
};

/// Figures of a burst, or medians of several.
struct OfflineFigures {
  double prefill_tokens_per_second = 0.0;
  double prefill_floor_share = 0.0;  ///< FLOPs at the best peak, as a share of the time
  double decode_tokens_per_second = 0.0;
  double decode_floor_share = 0.0;    ///< bytes at the read peak, as a share of the time
  double decode_share_no_head = 0.0;  ///< the same without lm_head's bytes and time
  double decode_step_bytes = 0.0;
  double lm_head_seconds = 0.0;  ///< per decode step
  double kernel_share = 0.0;     ///< of a decode step's time that kernels take
  double prefill_flops = 0.0;
  Peaks peaks;
  int64_t steady = 0;  ///< bursts whose read probes before and after agree
  int64_t bursts = 1;
};
[[nodiscard]] OfflineFigures figures_of(const OfflineShape& shape, const OfflineBurst& burst,
                                        int ranks);
/// Medians of the steady bursts, or of all when fewer than three were.
[[nodiscard]] OfflineFigures median_of(const std::vector<OfflineFigures>& bursts);

/// What bursts run on; all borrowed.
struct OfflineBench {
  Engine& engine;
  OpMeter& meter;
  const PeakProbes& probes;
  int64_t vocab = 0;
  int ranks = 1;
};

/// Runs one burst of random prompts (of `seed`), drawn greedily and never stopped early.
/// Errors: the engine's; no room for the lengths asked for.
[[nodiscard]] Result<OfflineBurst> run_burst(const OfflineBench& bench, const OfflineShape& shape,
                                             uint64_t seed);

/// Reports for people: figures with their floors, and where a step's time goes.
[[nodiscard]] std::string figures_text(const OfflineShape& shape, const OfflineFigures& figures);
struct ProfileArgs {
  std::string_view title;
  const PhaseTotals& totals;
  Peaks peaks;
  double step_seconds = 0.0;  ///< wall time of a step
  int ranks = 1;
};
[[nodiscard]] std::string profile_text(const ProfileArgs& args);
/// One JSON object on one line.
[[nodiscard]] std::string figures_json(const OfflineShape& shape, const OfflineFigures& figures);

}  // namespace dak::bench
