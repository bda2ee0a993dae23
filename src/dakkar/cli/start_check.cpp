#include "dakkar/cli/start_check.h"

#include <exception>
#include <string>

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dakkar/base/clock.h"
#include "dakkar/base/log.h"
#include "dakkar/cli/model_summary.h"
#include "dakkar/model/self_check.h"

namespace dak {
namespace {

SelfCheck skipped(std::string reason) {
  return {.outcome = SelfCheck::Outcome::kSkipped, .detail = std::move(reason)};
}

SelfCheck broken(const Error& error) {
  return {.outcome = SelfCheck::Outcome::kFailed, .detail = error.message};
}

SelfCheck check_model(const ModelOptions& options, const LocalModel& model) {
  if (model.backend().name() == "reference") {
    return skipped("this server computes with the reference kernels");
  }
  if (model.weights().total_bytes() > kSelfCheckWeights) {
    return skipped(
        fmt::format("{} of weights are more than the {} that are checked at the start: "
                    "run dakkar check",
                    human_bytes(model.weights().total_bytes()), human_bytes(kSelfCheckWeights)));
  }
  const SteadyTime begin = steady_now();
  ModelLoadArgs load;
  load.config = &model.folder().config;
  load.quant = &model.folder().quant;
  load.weights = &model.weights();
  load.backend = &model.backend();
  const RankGrid grid = options.grid();
  load.tp = grid.tp;
  load.dp = grid.dp;
  load.ep = grid.ep;
  load.state = state_storage(options);
  const Result<CheckRun> device = run_check(load);
  if (!device) {
    return broken(device.error());
  }
  const Result<CheckReport> report = check_by_reference(load, *device);
  if (!report) {
    return broken(report.error());
  }
  const bool same = report->outcome == CheckReport::Outcome::kSame;
  return {.outcome = same ? SelfCheck::Outcome::kPassed : SelfCheck::Outcome::kFailed,
          .detail = report->detail,
          .logits_error = report->logits_error,
          .state_error = report->state_error,
          .seconds = seconds_between(begin, steady_now())};
}

/// As `check_model`; whatever a library throws is a failure like others.
SelfCheck guarded_check(const ModelOptions& options, const LocalModel& model) {
  try {
    return check_model(options, model);
  } catch (const std::exception& error) {
    return broken({.code = ErrorCode::kInternal, .message = error.what(), .param = {}});
  }
}

}  // namespace

StartCheck::StartCheck(const ModelOptions& options, LocalModel& model, ServerState& state)
    : thread_([this, &options, &model, &state] { run(options, model, state); }) {}

StartCheck::~StartCheck() {
  thread_.join();
}

void StartCheck::run(const ModelOptions& options, LocalModel& model, ServerState& state) {
  // Threads that it starts inherit this; where it is refused, the check is only less polite.
  constexpr int kLowest = 19;
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kLowest);
  const SelfCheck check = guarded_check(options, model);
  state.set_self_check(check);
  const std::string line =
      fmt::format("self-check {}: {}", outcome_name(check.outcome), check.detail);
  if (check.outcome == SelfCheck::Outcome::kFailed) {
    log_error(line);
  } else {
    log_info(line);
  }
}

}  // namespace dak
