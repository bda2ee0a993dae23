#pragma once

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "dakkar/device/testing/op_rig.h"

namespace dak::testing {

/// Contents of a tensor after a case ran.
struct Snapshot {
  std::string name;
  std::vector<float> values;
  std::vector<std::byte> bytes;  ///< compared instead of `values` when the tolerance is 0
  double tolerance = 0.0;        ///< of the relative error in norm
};

/// One run of a case: the case puts tensors, counts and a body here, the runner does the rest.
class CaseRun final {
 public:
  CaseRun(const Backend& backend, uint64_t seed) : rig_(backend, seed) {}

  [[nodiscard]] OpRig& rig() { return rig_; }
  [[nodiscard]] Context& context() { return rig_.context(); }

  /// A count that is `full` at first and `fewer` once `shrink` was called.
  DeviceCount count(int64_t full, int64_t fewer);
  /// A table whose sequences, and decodes with them, shrink to the first `fewer`.
  SequenceTable table(const std::vector<StepSequence>& sequences, int64_t decodes, int64_t fewer);
  /// Has `view` compared afterwards; tolerance 0 means every bit.
  void compare(std::string name, const TensorView& view, double tolerance);
  void compare_bytes(std::string name, const void* data, int64_t size);
  void set_body(std::function<void()> body) { body_ = std::move(body); }

  [[nodiscard]] bool has_counts() const { return !counts_.empty(); }
  void run() { body_(); }
  void shrink();
  [[nodiscard]] std::vector<Snapshot> snapshots();

 private:
  struct Shrinking {
    DeviceCount count;
    int64_t fewer = 0;
  };
  struct Compared {
    std::string name;
    TensorView view;
    double tolerance = 0.0;
  };
  OpRig rig_;
  std::vector<Shrinking> counts_;
  std::vector<Compared> compared_;
  std::function<void()> body_;
};

/// An op with shapes and values that every backend must give the reference's results for.
struct OpCase {
  std::string name;  ///< letters, digits and underscores
  std::function<void(CaseRun&)> build;
};

/// Allowed relative error of a sum of `terms` products in f32, rounded once to `dtype`: four
/// standard deviations of accumulated rounding, and results that land on the other side of a tie.
[[nodiscard]] inline double tolerance_of(DType dtype, int64_t terms) {
  const double rounding = dtype == DType::kBF16 ? 0x1p-9 : dtype == DType::kF16 ? 0x1p-12 : 0.0;
  return 4.0 * std::sqrt(static_cast<double>(terms)) * 0x1p-24 + rounding;
}

/// Every op, at sizes that meet each regime and each tail.
[[nodiscard]] std::vector<OpCase> all_op_cases();

void add_dispatch_cases(std::vector<OpCase>& cases);
void add_row_cases(std::vector<OpCase>& cases);
void add_linear_cases(std::vector<OpCase>& cases);
void add_sequence_cases(std::vector<OpCase>& cases);
void add_sampling_cases(std::vector<OpCase>& cases);

/// How a case is run.
enum class RunMode {
  kDirect,
  kReplayed,  ///< captured at full counts, then replayed at fewer
};

/// The two sides of a comparison.
struct Compare {
  const Backend& backend;
  const Backend& reference;
  RunMode mode = RunMode::kDirect;
  uint64_t seed = 0;
};

/// Runs the case on both backends and says what differs; empty when nothing does. Replays are
/// compared with a direct run at the fewer counts.
[[nodiscard]] std::string difference(const OpCase& op_case, const Compare& how);

}  // namespace dak::testing
