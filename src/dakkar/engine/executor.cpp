#include "dakkar/engine/executor.h"

#include <optional>
#include <utility>

#include "dakkar/device/local_group.h"

namespace dak {

Executor::~Executor() = default;

Result<std::unique_ptr<Executor>> Executor::start(const ExecutorArgs& args) {
  auto executor = std::make_unique<Executor>(Token{});
  const int tp = args.load_args.tp;
  if (tp == 1) {
    executor->comms_.push_back(make_self_group());
  } else {
    executor->comms_ = make_local_group(tp);
  }
  for (int rank = 0; rank < tp; ++rank) {
    ModelLoadArgs load_args = args.load_args;
    load_args.rank = rank;
    executor->ranks_.push_back(std::make_unique<RankWorker>(
        RankWorker::Parts{.load = args.load,
                          .load_args = load_args,
                          .comm = &executor->comms_[static_cast<size_t>(rank)],
                          .depth = kDepth}));
  }
  if (Status status = executor->wait_for_all(); !status.has_value()) {
    return fail(std::move(status.error()));
  }
  return executor;
}

Status Executor::wait_for_all() {
  Status status;
  for (const auto& rank : ranks_) {
    RankWorker::Reply reply = rank->wait();
    if (!reply.has_value() && status.has_value()) {
      status = fail(std::move(reply.error()));
    }
  }
  return status;
}

const CacheSpec& Executor::cache_spec() const {
  return ranks_.front()->model().cache_spec();
}

int64_t Executor::weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& rank : ranks_) {
    bytes += rank->model().weight_bytes();
  }
  return bytes;
}

int64_t Executor::workspace_bytes(const StepLimits& limits) const {
  return ranks_.front()->model().workspace_bytes(limits);
}

Status Executor::prepare(const RankMemory& memory) {
  for (const auto& rank : ranks_) {
    rank->prepare(memory);
  }
  return wait_for_all();
}

void Executor::launch(const StepPlan& plan) {
  const std::vector<std::byte> bytes = encode_plan(plan);
  for (const auto& rank : ranks_) {
    rank->launch(bytes);
  }
}

Result<StepResult> Executor::wait() {
  // All ranks hold the same results; the step is over when the last of them has.
  std::optional<StepResult> first;
  for (const auto& rank : ranks_) {
    RankWorker::Reply reply = rank->wait();
    if (!reply.has_value()) {
      return fail(std::move(reply.error()));
    }
    check(reply->has_value(), "a rank answered a step with nothing");
    if (!first.has_value()) {
      first = std::move(*reply);
    }
  }
  return std::move(*first);
}

}  // namespace dak
