#include "dakkar/model/measure.h"

#include "dakkar/device/worker_team.h"

namespace dak {
namespace {

class NoStream final : public Stream {
 public:
  void launch(std::function<void()>) override {}
  bool recording() const override { return false; }
  WorkerTeam& team() override { return team_; }
  void begin_capture() override {}
  std::unique_ptr<CapturedStep> end_capture() override { return nullptr; }
  void replay(const CapturedStep&) override {}
  void copy(void*, const void*, int64_t) override {}
  void synchronize() override {}

 private:
  WorkerTeam team_{1};
};

class NoGroup final : public Communicator {
 public:
  explicit NoGroup(int size) : size_(size) {}
  int rank() const override { return 0; }
  int size() const override { return size_; }
  void all_reduce(Stream&, const TensorView&) override {}
  void reduce_scatter(Stream&, const TensorView&, const TensorView&) override {}
  void all_gather(Stream&, const TensorView&, const TensorView&) override {}
  void all_to_all_v(Stream&, const AllToAllArgs&) override {}
  void broadcast(Stream&, const TensorView&, int) override {}
  std::unique_ptr<Communicator> split(int) override { return std::make_unique<NoGroup>(1); }

 private:
  int size_;
};

/// Converts to any kernel of a table.
struct Nothing {
  template <typename Args>
  operator Kernel<Args>() const {  // NOLINT(google-explicit-constructor): that is its use
    return [](Stream&, const Args&) {};
  }
};

KernelTable no_kernels() {
  const Nothing nothing;
  return {.embed = nothing,
          .rms_norm = nothing,
          .add_rms_norm = nothing,
          .gated_group_norm = nothing,
          .relu2 = nothing,
          .gather_rows = nothing,
          .concat_columns = nothing,
          .convert = nothing,
          .join_columns = nothing,
          .linear = nothing,
          .route = nothing,
          .expert_linear = nothing,
          .combine_experts = nothing,
          .share_rows = nothing,
          .deal_choices = nothing,
          .count_arrivals = nothing,
          .begin_step = nothing,
          .advance = nothing,
          .causal_conv = nothing,
          .ssm_scan = nothing,
          .kv_write = nothing,
          .attention = nothing,
          .weigh_part = nothing,
          .record_history = nothing,
          .sample = nothing};
}

}  // namespace

struct MeasuringContext::Parts {
  explicit Parts(const RankGrid& wanted) : grid(wanted), group(wanted.tp), world(wanted.ranks()) {}

  NoStream stream;
  KernelTable kernels = no_kernels();
  const RankGrid grid;
  NoGroup group;
  NoGroup world;
  Workspace workspace = Workspace::measuring();
  Workspace arrays = Workspace::measuring();
  int32_t zero = 0;
  Context context{.stream = stream,
                  .kernels = kernels,
                  .comm = group,
                  .workspace = workspace,
                  .world = &world,
                  .kv = &group};
};

MeasuringContext::MeasuringContext(const RankGrid& grid) : parts_(std::make_unique<Parts>(grid)) {}

MeasuringContext::~MeasuringContext() = default;

Context& MeasuringContext::context() {
  return parts_->context;
}

StepBatch MeasuringContext::batch(const StepLimits& limits) {
  const auto count = [&](int64_t bound) {
    return DeviceCount{.bound = bound, .value = &parts_->zero};
  };
  StepBatch batch;
  batch.ids = parts_->arrays.take(DType::kI32, {limits.tokens});
  batch.tokens = count(limits.tokens);
  batch.table.sequences = count(limits.sequences);
  batch.table.decodes = count(limits.sequences);
  batch.table.query_start = batch.ids.as<int32_t>();
  batch.table.position = batch.ids.as<int32_t>();
  batch.table.slot = batch.ids.as<int32_t>();
  batch.table.headers = reinterpret_cast<SlotHeader*>(batch.ids.data);
  batch.arena = batch.ids.data;
  batch.page_table = reinterpret_cast<const int64_t*>(batch.ids.data);
  batch.max_pages = 1;
  batch.state_offsets = reinterpret_cast<const int64_t*>(batch.ids.data);
  batch.logit_rows = parts_->arrays.take(DType::kI32, {limits.logit_rows});
  batch.logit_count = count(limits.logit_rows);
  batch.grid_tokens = limits.tokens * parts_->grid.dp;
  return batch;
}

int64_t MeasuringContext::peak_bytes() const {
  return parts_->workspace.peak();
}

}  // namespace dak
