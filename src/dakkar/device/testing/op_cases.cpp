#include "dakkar/device/testing/op_cases.h"

#include <fmt/core.h>

namespace dak::testing {

DeviceCount CaseRun::count(int64_t full, int64_t fewer) {
  const DeviceCount count = rig_.count(full);
  counts_.push_back({count, fewer});
  return count;
}

SequenceTable CaseRun::table(const std::vector<StepSequence>& sequences, int64_t decodes,
                             int64_t fewer) {
  int32_t slots = 0;
  for (const StepSequence& sequence : sequences) {
    slots = std::max(slots, sequence.slot + 1);
  }
  SequenceTable table = rig_.table(sequences, decodes, rig_.headers(slots));
  counts_.push_back({table.sequences, fewer});
  counts_.push_back({table.decodes, std::min(decodes, fewer)});
  return table;
}

void CaseRun::compare(std::string name, const TensorView& view, double tolerance) {
  compared_.push_back({std::move(name), view, tolerance});
}

void CaseRun::compare_bytes(std::string name, const void* data, int64_t size) {
  auto* bytes = const_cast<void*>(data);
  compare(std::move(name), TensorView::dense(bytes, DType::kU8, {size}), 0.0);
}

void CaseRun::shrink() {
  for (const Shrinking& shrinking : counts_) {
    rig_.set_count(shrinking.count, shrinking.fewer);
  }
}

std::vector<Snapshot> CaseRun::snapshots() {
  std::vector<Snapshot> snapshots;
  for (const Compared& compared : compared_) {
    Snapshot snapshot;
    snapshot.name = compared.name;
    snapshot.tolerance = compared.tolerance;
    if (compared.tolerance > 0.0) {
      snapshot.values = rig_.read(compared.view);
    } else {
      snapshot.bytes = rig_.read_array(compared.view.data, compared.view.bytes());
    }
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

std::vector<OpCase> all_op_cases() {
  std::vector<OpCase> cases;
  add_dispatch_cases(cases);
  add_row_cases(cases);
  add_linear_cases(cases);
  add_sequence_cases(cases);
  add_sampling_cases(cases);
  return cases;
}

namespace {

/// Says where `got` is not `want`.
std::string differences(const std::vector<Snapshot>& got, const std::vector<Snapshot>& want) {
  std::string text;
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = relative_error(got[i].values, want[i].values);
    if (error > want[i].tolerance || got[i].bytes != want[i].bytes) {
      text += fmt::format("{}: relative error {}, allowed {}\n", want[i].name, error,
                          want[i].tolerance);
    }
  }
  return text;
}

std::vector<Snapshot> run_directly(const OpCase& op_case, const Compare& how, RunMode counts) {
  CaseRun run(how.reference, how.seed);
  op_case.build(run);
  if (counts == RunMode::kReplayed) {
    run.shrink();
  }
  run.run();
  return run.snapshots();
}

}  // namespace

std::string difference(const OpCase& op_case, const Compare& how) {
  CaseRun tried(how.backend, how.seed);
  op_case.build(tried);
  const std::vector<Snapshot> want = run_directly(op_case, how, how.mode);
  if (how.mode == RunMode::kDirect) {
    tried.run();
    return differences(tried.snapshots(), want);
  }
  tried.rig().stream().begin_capture();
  tried.run();
  const std::unique_ptr<CapturedStep> step = tried.rig().stream().end_capture();
  tried.shrink();
  tried.rig().stream().replay(*step);
  const bool counts_matter =
      !tried.has_counts() ||
      !differences(run_directly(op_case, how, RunMode::kDirect), want).empty();
  return (counts_matter ? "" : "the counts change nothing\n") +
         differences(tried.snapshots(), want);
}

}  // namespace dak::testing
