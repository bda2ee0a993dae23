#pragma once

#include <functional>
#include <string>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/bench/costs.h"
#include "dakkar/bench/op_row.h"
#include "dakkar/bench/peaks.h"
#include "dakkar/device/backend.h"

namespace dak::bench {

/// A kernel's time and the peaks of the same moment.
struct OpSample {
  double seconds = 0.0;  ///< of one call
  Peaks peaks;
};

/// What came of one row.
struct OpResult {
  std::string name;
  std::string what;
  Cost cost;  ///< of one call
  std::vector<OpSample> samples;

  [[nodiscard]] double seconds() const;  ///< median
  [[nodiscard]] Peaks peaks() const;     ///< medians
  /// Medians over the samples of what was reached of a peak measured beside it; 0 without the peak.
  [[nodiscard]] double share_of_read() const;
  [[nodiscard]] double share_of_f32() const;
  [[nodiscard]] double share_of_bf16() const;
  /// The time that bytes at the read peak or FLOPs at the best peak need, as a share of the time.
  [[nodiscard]] double share_of_floor() const;
};

/// How rows are measured.
struct OpBenchArgs {
  const Backend* backend = nullptr;
  const PeakProbes* probes = nullptr;
  std::string filter;                         ///< rows whose name contains it; empty: all
  int64_t alternations = 7;                   ///< kernel and probes in turn
  double sample_seconds = 1e-2;               ///< calls are repeated for at least so long
  std::function<void(const OpResult&)> done;  ///< called after each row
};

/// Times every row: kernel, probes, kernel, probes; operands are touched anew every four caches.
[[nodiscard]] std::vector<OpResult> run_op_bench(const OpBenchArgs& args);

[[nodiscard]] double median(std::vector<double> values);

/// The table's head, one of its lines, and everything for machines.
[[nodiscard]] std::string op_table_head();
[[nodiscard]] std::string op_table_line(const OpResult& result);
struct OpReportArgs {
  const Backend& backend;
  int threads = 0;
  const std::vector<OpResult>& results;
};
[[nodiscard]] std::string op_report_json(const OpReportArgs& args);

}  // namespace dak::bench
