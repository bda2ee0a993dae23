#include "dakkar/engine/rank_worker.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <fmt/core.h>

#include "dakkar/device/context.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/ops_sampling.h"

namespace dak {
namespace {

/// Rows of all groups together; arrays have one for a group without.
int64_t grid_tokens(const StepPlan& plan) {
  int64_t tokens = 0;
  for (const GroupPlan& group : plan.groups) {
    tokens += std::max<int64_t>(1, std::ssize(group.ids));
  }
  return tokens;
}

}  // namespace

RankWorker::RankWorker(Parts parts)
    : parts_(std::move(parts)),
      orders_(static_cast<size_t>(parts_.depth)),
      // One more than orders: the answer to loading, which nobody orders.
      replies_(static_cast<size_t>(parts_.depth) + 1),
      thread_([this] { run(); }) {}

RankWorker::~RankWorker() {
  orders_.close();
  thread_.join();
}

void RankWorker::give(Order order) {
  // A closed box means that the rank has died: its last answer says so.
  static_cast<void>(orders_.push(std::move(order)));
}

RankWorker::Reply RankWorker::wait() {
  std::optional<Reply> reply = replies_.pop();
  if (!reply.has_value()) {
    return fail(ErrorCode::kUnavailable, fmt::format("rank {} has ended", parts_.load_args.rank));
  }
  return std::move(*reply);
}

void RankWorker::run() {
  const auto guarded = [&](const auto& work) -> Reply {
    try {
      return work();
    } catch (const std::exception& error) {
      return fail(ErrorCode::kInternal,
                  fmt::format("rank {}: {}", parts_.load_args.rank, error.what()));
    }
  };
  // First of all, since every rank has to come.
  groups_ =
      join_grid(std::move(parts_.world), parts_.load_args.grid(), parts_.load_args.kv_sharers());
  Reply reply = guarded([&]() -> Reply {
    if (Status status = load(); !status.has_value()) {
      return fail(std::move(status.error()));
    }
    return std::optional<StepResult>();
  });
  while (true) {
    const bool failed = !reply.has_value();
    static_cast<void>(replies_.push(std::move(reply)));
    if (failed) {
      groups_ = {};
      break;
    }
    std::optional<Order> order = orders_.pop();
    if (!order.has_value()) {
      break;
    }
    reply = guarded([&] { return obey(*order); });
  }
  orders_.close();
  replies_.close();
}

Status RankWorker::load() {
  auto model = parts_.load(parts_.load_args);
  if (!model.has_value()) {
    return fail(std::move(model.error()));
  }
  model_ = std::move(*model);
  stream_ = parts_.load_args.backend->open_stream(parts_.load_args.grid().ranks());
  return {};
}

Status RankWorker::allocate(const RankMemory& memory) {
  const Backend& backend = *parts_.load_args.backend;
  limits_ = memory.limits;
  auto arena = backend.allocate(std::max<int64_t>(1, memory.limits.arena_bytes));
  if (!arena.has_value()) {
    return fail_in("cache arena", std::move(arena.error()));
  }
  auto scratch = backend.allocate(std::max<int64_t>(1, memory.workspace_bytes));
  if (!scratch.has_value()) {
    return fail_in("workspace", std::move(scratch.error()));
  }
  auto arrays = StepArrays::create(backend, limits_);
  if (!arrays.has_value()) {
    return fail_in("step arrays", std::move(arrays.error()));
  }
  arena_ = std::move(*arena);
  scratch_ = std::move(*scratch);
  workspace_ = Workspace(scratch_.data(), memory.workspace_bytes);
  arrays_.emplace(std::move(*arrays));
  if (parts_.decode_steps == DecodeSteps::kCaptured) {
    capture_decodes();
  }
  return {};
}

Context RankWorker::context() {
  return {.stream = *stream_,
          .kernels = parts_.load_args.backend->kernels(),
          .comm = *groups_.tp,
          .workspace = workspace_,
          .world = groups_.world.get(),
          .kv = groups_.kv.get()};
}

void RankWorker::capture_decodes() {
  captures_.clear();
  for (int64_t next = 1; captures_.empty() || captures_.back().sequences < limits_.sequences;
       next *= 2) {
    const int64_t sequences = std::min(next, limits_.sequences);
    const StepBounds bounds = StepBounds::decode(sequences);
    const Workspace::Scope scope(workspace_);
    stream_->begin_capture();
    const TensorView logits = forward(bounds, sequences * parts_.load_args.dp);
    DecodeCapture capture{
        .sequences = sequences, .forward = stream_->end_capture(), .sample = nullptr};
    stream_->begin_capture();
    sample(logits, bounds);
    capture.sample = stream_->end_capture();
    captures_.push_back(std::move(capture));
  }
}

const RankWorker::DecodeCapture* RankWorker::capture_for(const StepPlan& plan) const {
  int64_t most = 0;
  for (const GroupPlan& group : plan.groups) {
    if (group.decodes != std::ssize(group.sequences)) {
      return nullptr;
    }
    most = std::max(most, std::ssize(group.ids));
  }
  const auto large_enough = [most](const DecodeCapture& capture) {
    return capture.sequences >= most;
  };
  const auto found = std::find_if(captures_.begin(), captures_.end(), large_enough);
  return found == captures_.end() ? nullptr : &*found;
}

RankWorker::Reply RankWorker::obey(const Order& order) {
  if (const auto* plan = std::get_if<std::vector<std::byte>>(&order)) {
    return step(*plan);
  }
  if (Status status = allocate(std::get<RankMemory>(order)); !status.has_value()) {
    return fail(std::move(status.error()));
  }
  return std::optional<StepResult>();
}

RankWorker::Reply RankWorker::step(const std::vector<std::byte>& bytes) {
  check(arrays_.has_value(), "a step was launched before memory was prepared");
  auto plan = decode_plan(bytes, limits_);
  if (!plan.has_value()) {
    return fail(std::move(plan.error()));
  }
  const RankGrid grid = parts_.load_args.grid();
  if (RankGrid{.tp = plan->tp, .dp = plan->dp, .ep = plan->ep} != grid) {
    return fail(ErrorCode::kInternal, "step plan: it is for another grid of ranks");
  }
  const GroupPlan& group = plan->groups[static_cast<size_t>(grid.group_of(parts_.load_args.rank))];
  if (Status status = arrays_->upload(*stream_, group); !status.has_value()) {
    return fail(std::move(status.error()));
  }
  if (const DecodeCapture* capture = capture_for(*plan)) {
    stream_->replay(*capture->forward);
    stream_->replay(*capture->sample);
  } else {
    run_eagerly(*plan);
  }
  StepResult result = arrays_->download(*stream_);
  result.step = plan->step;
  steps_done_.fetch_add(1, std::memory_order_relaxed);
  return std::optional<StepResult>(std::move(result));
}

void RankWorker::run_eagerly(const StepPlan& plan) {
  const Workspace::Scope scope(workspace_);
  const StepBounds bounds = arrays_->bounds();
  sample(forward(bounds, grid_tokens(plan)), bounds);
}

TensorView RankWorker::forward(const StepBounds& bounds, int64_t grid_tokens) {
  Context ctx = context();
  StepBatch batch = arrays_->batch(arena_.data(), bounds);
  batch.grid_tokens = grid_tokens;
  const TensorView logits = model_->forward(ctx, batch, HiddenOutput::kNo).logits;
  // After the pass, which has filled in the ids that only the device knew.
  ops::record_history(ctx, arrays_->history_args(bounds));
  return logits;
}

void RankWorker::sample(const TensorView& logits, const StepBounds& bounds) {
  Context ctx = context();
  ops::sample(ctx, arrays_->sample_args(logits, bounds));
}

}  // namespace dak
