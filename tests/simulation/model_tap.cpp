#include "simulation/model_tap.h"

#include <algorithm>
#include <utility>

namespace dak {
namespace {

class TappedModel final : public Model {
 public:
  TappedModel(std::unique_ptr<Model> model, ModelTap& tap, size_t group)
      : model_(std::move(model)), tap_(tap), group_(group), spec_(model_->cache_spec()) {
    if (spec_.page_bytes > 0) {
      spec_.page_bytes = std::max(spec_.page_bytes, tap.least_page_bytes());
    }
  }

  const CacheSpec& cache_spec() const override { return spec_; }
  int64_t vocab() const override { return model_->vocab(); }
  bool has_mtp() const override { return model_->has_mtp(); }
  int64_t weight_bytes() const override { return model_->weight_bytes(); }
  int64_t workspace_bytes(const StepLimits& limits) const override {
    return model_->workspace_bytes(limits);
  }
  void draft(Context& ctx, const DraftBatch& batch) const override { model_->draft(ctx, batch); }

  ForwardOutput forward(Context& ctx, const StepBatch& batch, HiddenOutput hidden) const override {
    const ForwardOutput out = model_->forward(ctx, batch, hidden);
    ctx.stream.launch([this, batch, logits = out.logits] { note(batch, logits); });
    return out;
  }

 private:
  void note(const StepBatch& batch, const TensorView& logits) const {
    TappedForward seen;
    for (int64_t s = 0; s < batch.logit_count.read(); ++s) {
      const float* row = logits.rows(s, 1).as<float>();
      seen.logits.emplace_back(row, row + vocab());
    }
    for (int64_t b = 0; b < batch.table.sequences.read(); ++b) {
      seen.states.push_back(snapshot(batch, b));
    }
    tap_.note(group_, std::move(seen));
  }

  [[nodiscard]] StateSnapshot snapshot(const StepBatch& batch, int64_t b) const {
    const SlotHeader& header = batch.table.headers[batch.table.slot[b]];
    StateSnapshot state{.position = header.position, .base = header.base, .blocks = {}};
    const int64_t layers = tap_.wants_state(header.position) ? cache_spec().state_layers : 0;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const std::byte* block =
          batch.arena + batch.state_offsets[b * cache_spec().state_layers + layer];
      state.blocks.insert(state.blocks.end(), block, block + cache_spec().state_layer_bytes);
    }
    return state;
  }

  std::unique_ptr<Model> model_;
  ModelTap& tap_;
  const size_t group_;
  CacheSpec spec_;
};

}  // namespace

ModelLoader ModelTap::wrap(ModelLoader loader) {
  return [this,
          loader = std::move(loader)](const ModelLoadArgs& args) -> Result<std::unique_ptr<Model>> {
    Result<std::unique_ptr<Model>> model = loader(args);
    const RankGrid grid = args.grid();
    if (!model.has_value() || grid.place_of(args.rank) != 0) {
      return model;
    }
    const auto group = static_cast<size_t>(grid.group_of(args.rank));
    return std::make_unique<TappedModel>(std::move(*model), *this, group);
  };
}

TappedForward ModelTap::take(size_t group) {
  std::lock_guard lock(mutex_);
  std::vector<TappedForward>& passes = passes_[group];
  check(!passes.empty(), "a step ran without a forward pass");
  TappedForward first = std::move(passes.front());
  passes.erase(passes.begin());
  return first;
}

void ModelTap::note(size_t group, TappedForward forward) {
  std::lock_guard lock(mutex_);
  passes_[group].push_back(std::move(forward));
}

}  // namespace dak
