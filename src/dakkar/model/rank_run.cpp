#include "dakkar/model/rank_run.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "dakkar/device/context.h"
#include "dakkar/device/rank_groups.h"
#include "dakkar/device/row_access.h"
#include "dakkar/model/layers/mamba2.h"
#include "dakkar/weights/shard.h"

namespace dak {
namespace {

/// One stretch of tokens run as one step.
struct Stretch {
  int64_t begin = 0;
  int64_t end = 0;
  bool decode = false;
  CarryUse carry = CarryUse::kNone;

  [[nodiscard]] int64_t tokens() const { return end - begin; }
};

/// Has the prefills hand the state on in f32, if slots are narrower and there are several of them.
void use_carry(std::vector<Stretch>& prefills) {
  for (size_t i = 0; i < prefills.size() && prefills.size() > 1; ++i) {
    prefills[i].carry = i == 0                    ? CarryUse::kWrite
                        : i + 1 < prefills.size() ? CarryUse::kReadWrite
                                                  : CarryUse::kRead;
  }
}

/// The tokens of a dp group.
std::span<const TokenId> ids_of(const LogitsArgs& args, int group) {
  const auto beside = static_cast<size_t>(group - 1);
  return group == 0                    ? std::span<const TokenId>(args.ids)
         : beside < args.beside.size() ? std::span<const TokenId>(args.beside[beside])
                                       : std::span<const TokenId>();
}

std::vector<Stretch> stretches_of(const LogitsArgs& args, int group) {
  const auto total = std::ssize(ids_of(args, group));
  const int64_t prefill_end = args.decode_from < 0 ? total : std::min(args.decode_from, total);
  std::vector<Stretch> stretches;
  int64_t begin = 0;
  for (const int64_t cut : args.cuts) {
    if (cut < prefill_end) {
      stretches.push_back({.begin = begin, .end = cut});
      begin = cut;
    }
  }
  if (begin < prefill_end) {
    stretches.push_back({.begin = begin, .end = prefill_end});
  }
  if (dtype_of(args.load.state) != DType::kF32) {
    use_carry(stretches);
  }
  for (int64_t t = prefill_end; t < total; ++t) {
    stretches.push_back({.begin = t, .end = t + 1, .decode = true});
  }
  return stretches;
}

/// One step of the grid: each group's stretch, empty once its tokens are done.
using GridStep = std::vector<Stretch>;

std::vector<GridStep> grid_steps(const LogitsArgs& args) {
  const auto groups = static_cast<size_t>(args.load.dp);
  std::vector<GridStep> steps;
  for (size_t g = 0; g < groups; ++g) {
    const std::vector<Stretch> stretches = stretches_of(args, static_cast<int>(g));
    steps.resize(std::max(steps.size(), stretches.size()), GridStep(groups));
    for (size_t i = 0; i < stretches.size(); ++i) {
      steps[i][g] = stretches[i];
    }
  }
  return steps;
}

/// Rows that a step's arrays have for a stretch: views have at least one.
int64_t rows_of(const Stretch& stretch) {
  return std::max<int64_t>(1, stretch.tokens());
}

int64_t longest_of(const std::vector<GridStep>& steps) {
  int64_t longest = 1;
  for (const GridStep& step : steps) {
    for (const Stretch& stretch : step) {
      longest = std::max(longest, stretch.tokens());
    }
  }
  return longest;
}

/// The device arrays of a one-sequence batch and the memory around them.
class OneSequence final {
 public:
  static Result<OneSequence> open(const RankRunArgs& args, int64_t max_tokens);
  /// Says once where pages and blocks lie.
  void write_places(const CacheSpec& spec);

  /// Rewrites the arrays for `stretch` and returns the batch over them.
  StepBatch batch(const Stretch& stretch);
  /// Fills in the tokens that follow those of `stretch`; 0 after the last one.
  TensorView next_ids(const Stretch& stretch);

  Stream& stream() { return *stream_; }
  Workspace& workspace() { return workspace_; }
  void read(const TensorView& from, float* to) { stream_->copy(to, from.data, from.bytes()); }
  std::byte* slot() const { return arena_.data() + state_begin_; }
  SlotHeader header() const { return *headers_; }

 private:
  template <typename T>
  T* array(int64_t count) {
    return reinterpret_cast<T*>(space_.take(DType::kU8, {count * int64_t{sizeof(T)}}).data);
  }
  template <typename T>
  void write(T* to, const std::vector<T>& values) {
    stream_->copy(to, values.data(), static_cast<int64_t>(values.size() * sizeof(T)));
  }

  std::span<const TokenId> tokens_;
  std::unique_ptr<Stream> stream_;
  DeviceMemory arrays_;
  DeviceMemory arena_;
  DeviceMemory scratch_;
  Workspace space_;
  Workspace workspace_;
  int64_t state_begin_ = 0;
  int64_t pages_ = 0;
  int32_t* ids_ = nullptr;
  int32_t* next_ = nullptr;
  int32_t* rows_ = nullptr;
  int32_t* counts_ = nullptr;       ///< tokens, sequences, decodes
  int32_t* query_start_ = nullptr;  ///< [2]
  int32_t* position_ = nullptr;
  int32_t* slot_ = nullptr;
  SlotHeader* headers_ = nullptr;
  int64_t* page_table_ = nullptr;
  int64_t* state_offsets_ = nullptr;
  int64_t* carry_offsets_ = nullptr;  ///< null without carries
  CarryUse* carry_use_ = nullptr;
};

Result<OneSequence> OneSequence::open(const RankRunArgs& args, int64_t max_tokens) {
  const CacheSpec& spec = args.model->cache_spec();
  const Backend& backend = *args.run->load.backend;
  OneSequence one;
  one.tokens_ = ids_of(*args.run, args.run->load.grid().group_of(args.rank));
  const auto total = std::ssize(one.tokens_);
  one.stream_ = backend.open_stream(args.run->load.grid().ranks());
  one.pages_ = std::max<int64_t>(1, (total + spec.page_tokens - 1) / spec.page_tokens);
  one.state_begin_ = one.pages_ * spec.page_bytes;
  const int64_t scratch =
      args.model->workspace_bytes({.tokens = max_tokens, .sequences = 1, .logit_rows = max_tokens});
  const int64_t arrays = (3 * max_tokens + one.pages_ + 2 * spec.state_layers) * 8 + 64 * 256;
  // The MTP head's logits live beside the target's.
  const int64_t drafts = max_tokens * spec.vocab * size_of(DType::kF32) + 256;
  Result<DeviceMemory> parts[] = {
      backend.allocate(arrays),
      backend.allocate(one.state_begin_ + spec.state_bytes() + spec.carry_bytes()),
      backend.allocate(scratch + drafts)};
  for (const Result<DeviceMemory>& part : parts) {
    if (!part) {
      return fail(part.error());
    }
  }
  one.arrays_ = std::move(*parts[0]);
  one.arena_ = std::move(*parts[1]);
  one.scratch_ = std::move(*parts[2]);
  one.space_ = Workspace(one.arrays_.data(), one.arrays_.size());
  one.workspace_ = Workspace(one.scratch_.data(), one.scratch_.size());
  one.ids_ = one.array<int32_t>(max_tokens);
  one.next_ = one.array<int32_t>(max_tokens);
  one.rows_ = one.array<int32_t>(max_tokens);
  one.counts_ = one.array<int32_t>(3);
  one.query_start_ = one.array<int32_t>(2);
  one.position_ = one.array<int32_t>(1);
  one.slot_ = one.array<int32_t>(1);
  one.headers_ = one.array<SlotHeader>(1);
  one.page_table_ = one.array<int64_t>(one.pages_);
  one.state_offsets_ = one.array<int64_t>(std::max<int64_t>(spec.state_layers, 1));
  if (spec.has_carry()) {
    one.carry_offsets_ = one.array<int64_t>(spec.state_layers);
    one.carry_use_ = one.array<CarryUse>(1);
  }
  one.write_places(spec);
  return one;
}

void OneSequence::write_places(const CacheSpec& spec) {
  std::vector<int64_t> pages;
  for (int64_t i = 0; i < pages_; ++i) {
    pages.push_back(i * spec.page_bytes);
  }
  std::vector<int64_t> states;
  std::vector<int64_t> carries;
  for (int64_t i = 0; i < spec.state_layers; ++i) {
    states.push_back(state_begin_ + i * spec.state_layer_bytes);
    carries.push_back(state_begin_ + spec.state_bytes() + i * spec.carry_layer_bytes);
  }
  write(page_table_, pages);
  write(state_offsets_, states);
  if (spec.has_carry()) {
    write(carry_offsets_, carries);
  }
}

StepBatch OneSequence::batch(const Stretch& stretch) {
  const auto tokens = static_cast<int32_t>(stretch.tokens());
  const int64_t bound = rows_of(stretch);
  std::vector<int32_t> rows(static_cast<size_t>(bound));
  std::iota(rows.begin(), rows.end(), 0);
  write(ids_, std::vector<int32_t>(tokens_.begin() + stretch.begin, tokens_.begin() + stretch.end));
  write(rows_, rows);
  write(counts_, std::vector<int32_t>{tokens, tokens > 0 ? 1 : 0, stretch.decode ? 1 : 0});
  write(query_start_, std::vector<int32_t>{0, tokens});
  write(position_, std::vector<int32_t>{static_cast<int32_t>(stretch.begin)});
  write(slot_, std::vector<int32_t>{0});
  const DeviceCount count{.bound = bound, .value = counts_};
  StepBatch batch;
  batch.ids = TensorView::dense(ids_, DType::kI32, {bound});
  batch.tokens = count;
  batch.table = {.sequences = {.bound = 1, .value = counts_ + 1},
                 .decodes = {.bound = 1, .value = counts_ + 2},
                 .query_start = query_start_,
                 .position = position_,
                 .slot = slot_,
                 .headers = headers_};
  batch.arena = arena_.data();
  batch.page_table = page_table_;
  batch.max_pages = pages_;
  batch.state_offsets = state_offsets_;
  if (carry_use_ != nullptr) {
    write(carry_use_, std::vector<CarryUse>{stretch.carry});
    batch.carry = {.offsets = carry_offsets_, .use = carry_use_};
  }
  batch.logit_rows = TensorView::dense(rows_, DType::kI32, {bound});
  batch.logit_count = count;
  return batch;
}

TensorView OneSequence::next_ids(const Stretch& stretch) {
  std::vector<int32_t> next;
  for (int64_t t = stretch.begin + 1; t <= stretch.end; ++t) {
    next.push_back(t < std::ssize(tokens_) ? tokens_[static_cast<size_t>(t)] : 0);
  }
  write(next_, next);
  return TensorView::dense(next_, DType::kI32, {rows_of(stretch)});
}

float load(const std::byte* data, DType dtype, int64_t index) {
  return dtype == DType::kBF16  ? to_float(reinterpret_cast<const BF16*>(data)[index])
         : dtype == DType::kF16 ? to_float(reinterpret_cast<const F16*>(data)[index])
                                : reinterpret_cast<const float*>(data)[index];
}

/// Copies row `position % rows` of a ring whose rows have `width` elements.
void append_row(const TensorView& ring, int64_t position, std::vector<float>& to) {
  const int64_t row = position % ring.dim(0);
  for (int64_t c = 0; c < ring.dim(1); ++c) {
    to.push_back(load(ring.data, ring.dtype, row * ring.dim(1) + c));
  }
}

MambaLayerState read_state(std::byte* block, const MambaDims& dims, const SlotHeader& header) {
  const MambaStateLayout layout = mamba_state_layout(dims);
  const auto ring = [&](int64_t place, DType dtype, int64_t rows, int64_t width) {
    return TensorView::dense(block + place, dtype, {rows, width});
  };
  const TensorView conv = ring(layout.conv, dims.activation, dims.window, dims.channels());
  const TensorView ring_xb =
      ring(layout.ring_xb, dims.activation, dims.ring, dims.inner() + dims.groups * dims.state);
  const TensorView ring_dt = ring(layout.ring_dt, DType::kF32, dims.ring, dims.heads);
  MambaLayerState state;
  state.base = header.base;
  state.ssm.resize(static_cast<size_t>(dims.inner() * dims.state), 0.0F);
  if (header.base > 0) {
    load_floats(block + layout.ssm, dims.stored, state.ssm);
  }
  for (int64_t position = header.position - dims.window; position < header.position; ++position) {
    if (position < 0) {
      state.conv.resize(state.conv.size() + static_cast<size_t>(dims.channels()), 0.0F);
    } else {
      append_row(conv, position, state.conv);
    }
  }
  for (int64_t position = header.base; position < header.position; ++position) {
    append_row(ring_xb, position, state.ring_xb);
    append_row(ring_dt, position, state.ring_dt);
  }
  return state;
}

DType activation_of(const LogitsArgs& args) {
  return args.load.numerics == Numerics::kF32 ? DType::kF32 : args.load.config->dtype;
}

void read_states(const RankRunArgs& args, const OneSequence& one, RankRun& out) {
  const CacheSpec& spec = args.model->cache_spec();
  const ModelConfig local =
      local_config(*args.run->load.config, shard_of(args.run->load.grid(), args.rank));
  MambaDims dims = mamba_dims(local, activation_of(*args.run), 0);
  dims.stored = dtype_of(args.run->load.state);
  for (int64_t layer = 0; layer < spec.state_layers; ++layer) {
    out.states.push_back(
        read_state(one.slot() + layer * spec.state_layer_bytes, dims, one.header()));
  }
}

/// What a rank's steps work on.
struct RankRunState {
  Context& ctx;
  OneSequence& sequence;
  RankRun& out;
};

void run_step(const RankRunArgs& args, const GridStep& step, RankRunState state) {
  Context& ctx = state.ctx;
  OneSequence& one = state.sequence;
  RankRun& out = state.out;
  Workspace::Scope scope(ctx.workspace);
  const Stretch& stretch = step[static_cast<size_t>(args.run->load.grid().group_of(args.rank))];
  const int64_t vocab = args.model->vocab();
  StepBatch batch = one.batch(stretch);
  for (const Stretch& any : step) {
    batch.grid_tokens += rows_of(any);
  }
  const int64_t rows = stretch.tokens();
  const ForwardOutput result = args.model->forward(ctx, batch, HiddenOutput::kYes);
  one.read(result.logits.rows(0, rows), out.logits.data() + stretch.begin * vocab);
  if (args.run->mtp == MtpLogits::kYes) {
    const TensorView logits = ctx.workspace.take(DType::kF32, {rows_of(stretch), vocab});
    args.model->draft(ctx, {.step = &batch,
                            .next_ids = one.next_ids(stretch),
                            .hidden = result.hidden,
                            .logits = logits});
    one.read(logits.rows(0, rows), out.mtp_logits.data() + stretch.begin * vocab);
  }
  one.stream().synchronize();
}

}  // namespace

struct RankRunner::Parts {
  RankRunArgs args;
  std::vector<GridStep> steps;
  OneSequence sequence;
};

RankRunner::RankRunner(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RankRunner::RankRunner(RankRunner&&) noexcept = default;
RankRunner::~RankRunner() = default;

Result<RankRunner> RankRunner::open(const RankRunArgs& args) {
  std::vector<GridStep> steps = grid_steps(*args.run);
  Result<OneSequence> sequence = OneSequence::open(args, longest_of(steps));
  if (!sequence) {
    return fail(sequence.error());
  }
  return RankRunner(std::make_unique<Parts>(
      Parts{.args = args, .steps = std::move(steps), .sequence = std::move(*sequence)}));
}

RankRun RankRunner::run(std::unique_ptr<Communicator> world) {
  const LogitsArgs& run = *parts_->args.run;
  const RankGroups groups = join_grid(std::move(world), run.load.grid(), run.load.kv_sharers());
  OneSequence& sequence = parts_->sequence;
  Context ctx{.stream = sequence.stream(),
              .kernels = run.load.backend->kernels(),
              .comm = *groups.tp,
              .workspace = sequence.workspace(),
              .world = groups.world.get(),
              .kv = groups.kv.get()};
  const bool drafts = run.mtp == MtpLogits::kYes;
  const auto tokens = std::ssize(ids_of(run, run.load.grid().group_of(parts_->args.rank)));
  const int64_t vocab = parts_->args.model->vocab();
  RankRun out;
  out.logits.resize(static_cast<size_t>(tokens * vocab));
  out.mtp_logits.resize(drafts ? out.logits.size() : 0);
  for (const GridStep& step : parts_->steps) {
    run_step(parts_->args, step, {.ctx = ctx, .sequence = sequence, .out = out});
  }
  if (drafts && tokens > 0) {
    // The last token's successor is unknown: its row meant nothing.
    out.mtp_logits.resize(static_cast<size_t>((tokens - 1) * vocab));
  }
  read_states(parts_->args, sequence, out);
  return out;
}

}  // namespace dak
