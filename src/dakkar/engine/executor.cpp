#include "dakkar/engine/executor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "dakkar/device/rank_groups.h"

namespace dak {

Executor::~Executor() = default;

Result<std::unique_ptr<Executor>> Executor::start(const ExecutorArgs& args) {
  auto executor = std::make_unique<Executor>(Token{});
  executor->grid_ = args.load_args.grid();
  if (Status status = check_grid(executor->grid_); !status.has_value()) {
    return fail(std::move(status.error()));
  }
  std::vector<std::unique_ptr<Communicator>> world = make_world(executor->grid_);
  for (int rank = 0; rank < executor->grid_.ranks(); ++rank) {
    ModelLoadArgs load_args = args.load_args;
    load_args.rank = rank;
    executor->ranks_.push_back(std::make_unique<RankWorker>(
        RankWorker::Parts{.load = args.load,
                          .load_args = load_args,
                          .world = std::move(world[static_cast<size_t>(rank)]),
                          .depth = kDepth,
                          .decode_steps = args.decode_steps}));
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

int64_t Executor::rank_weight_bytes() const {
  int64_t bytes = 0;
  for (const auto& rank : ranks_) {
    bytes = std::max(bytes, rank->model().weight_bytes());
  }
  return bytes;
}

int64_t Executor::workspace_bytes(const StepLimits& limits) const {
  return ranks_.front()->model().workspace_bytes(limits);
}

std::vector<int64_t> Executor::steps_done() const {
  std::vector<int64_t> done;
  done.reserve(ranks_.size());
  for (const auto& rank : ranks_) {
    done.push_back(rank->steps_done());
  }
  return done;
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

Result<std::vector<StepResult>> Executor::wait() {
  // A group's ranks hold the same results; the step is over when the last of all has.
  std::vector<StepResult> results;
  for (size_t rank = 0; rank < ranks_.size(); ++rank) {
    RankWorker::Reply reply = ranks_[rank]->wait();
    if (!reply.has_value()) {
      return fail(std::move(reply.error()));
    }
    check(reply->has_value(), "a rank answered a step with nothing");
    if (grid_.place_of(static_cast<int>(rank)) == 0) {
      results.push_back(std::move(**reply));
    }
  }
  return results;
}

}  // namespace dak
