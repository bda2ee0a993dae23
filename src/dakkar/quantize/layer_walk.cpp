#include "dakkar/quantize/layer_walk.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include <fmt/core.h>

#include "dakkar/device/communicator.h"
#include "dakkar/device/context.h"
#include "dakkar/device/ops_norm.h"
#include "dakkar/model/check_ids.h"
#include "dakkar/model/layers/attention.h"
#include "dakkar/model/layers/mamba2.h"
#include "dakkar/model/layers/mlp.h"
#include "dakkar/model/layers/moe.h"
#include "dakkar/model/measure.h"
#include "dakkar/quantize/observing_backend.h"
#include "dakkar/weights/weight_set.h"

namespace dak {
namespace {

/// One layer of a model, alone in memory.
struct LoadedLayer {
  std::unique_ptr<Mixer> mixer;
  TensorView norm;      ///< in `memory`
  DeviceMemory memory;  ///< its small parameters
  int64_t page_bytes = 0;
  int64_t state_bytes = 0;
};

/// The arrays of a step that runs one sequence from its beginning.
class SequenceArrays final {
 public:
  explicit SequenceArrays(int64_t max_tokens) : ids_(static_cast<size_t>(max_tokens)) {}

  /// A step over `ids`; its cache is `arena`: pages from the start, one state at `state_begin`.
  StepBatch batch(const std::vector<TokenId>& ids, const DeviceMemory& arena,
                  const LoadedLayer& layer) {
    const auto tokens = static_cast<int32_t>(ids.size());
    std::copy(ids.begin(), ids.end(), ids_.begin());
    counts_ = {tokens, 1, 0};
    query_start_ = {0, tokens};
    header_ = {};
    const int64_t pages = (tokens + kChunkTokens - 1) / kChunkTokens;
    pages_.resize(static_cast<size_t>(pages));
    for (int64_t i = 0; i < pages; ++i) {
      pages_[static_cast<size_t>(i)] = i * layer.page_bytes;
    }
    StepBatch batch;
    batch.ids = TensorView::dense(ids_.data(), DType::kI32, {tokens});
    batch.tokens = {.bound = tokens, .value = counts_.data()};
    batch.table = {.sequences = {.bound = 1, .value = counts_.data() + 1},
                   .decodes = {.bound = 1, .value = counts_.data() + 2},
                   .query_start = query_start_.data(),
                   .position = &zero_,
                   .slot = &zero_,
                   .headers = &header_};
    batch.arena = arena.data();
    batch.page_table = pages_.data();
    batch.max_pages = pages;
    batch.state_offsets = &state_begin_;
    batch.grid_tokens = tokens;
    return batch;
  }

 private:
  std::vector<int32_t> ids_;
  std::array<int32_t, 3> counts_{};  ///< tokens, sequences, decodes
  std::array<int32_t, 2> query_start_{};
  std::vector<int64_t> pages_;
  SlotHeader header_;
  int32_t zero_ = 0;
  int64_t state_begin_ = 0;
};

}  // namespace

struct LayerWalk::Parts {
  ModelLoadArgs load;
  const std::vector<std::vector<TokenId>>& sequences;
  DType activation;
  DType residual;
  int64_t longest;
  size_t next = 0;
  std::unique_ptr<Communicator> alone = make_self_group();
  std::vector<Buffer> hidden;  ///< [T, H] in the residual's dtype, per sequence

  [[nodiscard]] TensorView hidden_of(size_t sequence) const {
    return TensorView::dense(
        hidden[sequence].data(), residual,
        {static_cast<int64_t>(sequences[sequence].size()), load.config->hidden});
  }
  Status embed();
  Result<LoadedLayer> load_layer(const Backend& observed, InputPeaks& peaks) const;
  Status run(const Backend& observed, const LoadedLayer& layer);
  void run_sequence(Context& ctx, const LoadedLayer& layer, const StepBatch& batch,
                    const TensorView& states) const;
};

LayerWalk::LayerWalk(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LayerWalk::LayerWalk(LayerWalk&& other) noexcept = default;
LayerWalk::~LayerWalk() = default;

Result<LayerWalk> LayerWalk::open(const LayerWalkArgs& args) {
  int64_t longest = 1;
  for (const std::vector<TokenId>& ids : *args.sequences) {
    check(!ids.empty(), "a sequence has tokens");
    if (const Status known = check_ids(ids, args.config->vocab); !known) {
      return fail(known.error());
    }
    longest = std::max(longest, static_cast<int64_t>(ids.size()));
  }
  ModelLoadArgs load;
  load.config = args.config;
  load.quant = args.quant;
  load.weights = args.weights;
  load.backend = args.backend;
  const DType activation = args.config->dtype;
  auto parts = std::make_unique<Parts>(
      Parts{.load = load,
            .sequences = *args.sequences,
            .activation = activation,
            .residual = args.config->residual_in_fp32 ? DType::kF32 : activation,
            .longest = longest,
            .hidden = {}});
  if (const Status embedded = parts->embed(); !embedded) {
    return fail(embedded.error());
  }
  return LayerWalk(std::move(parts));
}

Status LayerWalk::Parts::embed() {
  Result<ParameterReader> reader = ParameterReader::open(load, {.prefix = "backbone.embeddings"});
  if (!reader) {
    return fail(reader.error());
  }
  const TensorView table = reader->matrix("backbone.embeddings");
  if (const Status read = reader->status(); !read) {
    return read;
  }
  const std::unique_ptr<Stream> stream = load.backend->open_stream(1);
  Workspace nothing;
  Context ctx{
      .stream = *stream, .kernels = load.backend->kernels(), .comm = *alone, .workspace = nothing};
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::vector<int32_t> ids(sequences[i].begin(), sequences[i].end());
    const auto tokens = static_cast<int32_t>(ids.size());
    hidden.emplace_back(tokens * load.config->hidden * size_of(residual));
    ops::embed(ctx, {.ids = TensorView::dense(ids.data(), DType::kI32, {tokens}),
                     .table = table,
                     .out = hidden_of(i),
                     .tokens = {.bound = tokens, .value = &tokens}});
  }
  return {};
}

Result<LoadedLayer> LayerWalk::Parts::load_layer(const Backend& observed, InputPeaks& peaks) const {
  const std::string name = fmt::format("backbone.layers.{}.", next);
  const std::string prefix = name + "mixer";
  ModelLoadArgs args = load;
  args.backend = &observed;
  Result<ParameterReader> reader =
      ParameterReader::open(args, {.prefix = name, .packed = &peaks.places()});
  if (!reader) {
    return fail(reader.error());
  }
  LoadedLayer layer;
  layer.norm = reader->vector(name + "norm.weight");
  switch (load.config->layers[next]) {
    case LayerKind::kMamba: {
      const MambaDims dims = mamba_dims(*load.config, activation, 0);
      layer.mixer = make_mamba2(
          *reader, {.prefix = prefix, .dims = dims, .ordinal = 0, .layers = 1, .rounding = {}});
      layer.state_bytes = mamba_state_layout(dims).bytes;
      break;
    }
    case LayerKind::kAttention:
      layer.mixer = make_attention(
          *reader,
          {.prefix = prefix, .activation = activation, .kv_dtype = activation, .page_offset = 0});
      layer.page_bytes = attention_page_bytes(*load.config, activation);
      break;
    case LayerKind::kMlp:
      layer.mixer = std::make_unique<Mlp>(*reader, prefix, activation);
      break;
    case LayerKind::kMoe:
      layer.mixer = make_moe(*reader, prefix, activation);
      break;
  }
  if (const Status read = reader->status(); !read) {
    return fail(read.error());
  }
  layer.memory = reader->take_memory();
  return layer;
}

void LayerWalk::Parts::run_sequence(Context& ctx, const LoadedLayer& layer, const StepBatch& batch,
                                    const TensorView& states) const {
  Workspace::Scope scope(ctx.workspace);
  const int64_t tokens = batch.ids.dim(0);
  const int64_t width = load.config->hidden;
  const TensorView normed = ctx.workspace.take(activation, {tokens, width});
  const TensorView delta = ctx.workspace.take(DType::kF32, {tokens, width});
  ops::rms_norm(ctx, {.x = states,
                      .weight = layer.norm,
                      .eps = load.config->norm_eps,
                      .out = normed,
                      .tokens = batch.tokens});
  layer.mixer->forward(ctx, {.batch = &batch, .x = normed, .out = delta});
  // Only the sum is wanted here: the next layer norms it with its own weight.
  ops::add_rms_norm(ctx, {.residual = states,
                          .delta = delta,
                          .weight = layer.norm,
                          .eps = load.config->norm_eps,
                          .out = normed,
                          .tokens = batch.tokens});
}

Status LayerWalk::Parts::run(const Backend& observed, const LoadedLayer& layer) {
  MeasuringContext measuring(RankGrid{});
  const StepLimits limits = {.tokens = longest, .sequences = 1, .logit_rows = 1};
  run_sequence(measuring.context(), layer, measuring.batch(limits),
               TensorView::dense(hidden.front().data(), residual, {longest, load.config->hidden}));
  const int64_t pages = (longest + kChunkTokens - 1) / kChunkTokens;
  Result<DeviceMemory> scratch = observed.allocate(measuring.peak_bytes());
  Result<DeviceMemory> arena =
      observed.allocate(std::max(pages * layer.page_bytes, layer.state_bytes) + kChunkTokens);
  if (!scratch || !arena) {
    return fail(scratch ? arena.error() : scratch.error());
  }
  const std::unique_ptr<Stream> stream = observed.open_stream(1);
  Workspace workspace(scratch->data(), scratch->size());
  Context ctx{
      .stream = *stream, .kernels = observed.kernels(), .comm = *alone, .workspace = workspace};
  SequenceArrays arrays(longest);
  for (size_t i = 0; i < sequences.size(); ++i) {
    std::memset(arena->data(), 0, static_cast<size_t>(layer.state_bytes));
    run_sequence(ctx, layer, arrays.batch(sequences[i], *arena, layer), hidden_of(i));
    stream->synchronize();
  }
  return {};
}

Result<InputPeaks> LayerWalk::step() {
  check(parts_->next < parts_->load.config->layers.size(), "a walk ends with the last layer");
  InputPeaks peaks;
  const ObservingBackend observed(*parts_->load.backend, peaks);
  const Result<LoadedLayer> layer = parts_->load_layer(observed, peaks);
  if (!layer) {
    return fail(layer.error());
  }
  if (const Status ran = parts_->run(observed, *layer); !ran) {
    return fail(ran.error());
  }
  ++parts_->next;
  return peaks;
}

}  // namespace dak
