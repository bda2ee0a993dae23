#include <limits>

#include <fmt/core.h>

#include "dakkar/bench/op_row.h"
#include "dakkar/device/ops_mamba.h"

namespace dak::bench {
namespace {

constexpr int64_t kDecodes = 8;
constexpr int64_t kPrefill = 512;

/// The Mamba layer of a model; "ultra8" is one of Ultra's eight tensor-parallel ranks.
struct MambaShape {
  const char* name;
  int64_t heads;
  int64_t groups;

  [[nodiscard]] MambaDims dims(DType stored = DType::kF32) const {
    return {.heads = heads,
            .head_dim = 64,
            .groups = groups,
            .state = 128,
            .ring = kRingFlushTokens + 1,
            .window = 3,
            .activation = DType::kBF16,
            .stored = stored};
  }
};

constexpr MambaShape kNano = {.name = "nano", .heads = 64, .groups = 8};
constexpr MambaShape kUltra = {.name = "ultra8", .heads = 32, .groups = 1};

/// State blocks of `sequences` in each of `layers` layers.
MambaState state_blocks(Operands& operands, const MambaDims& dims, int64_t sequences,
                        int64_t layers) {
  const int64_t bytes = mamba_state_layout(dims).bytes;
  std::vector<int64_t> offsets(static_cast<size_t>(sequences * layers));
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = static_cast<int64_t>(i) * bytes;
  }
  return {.arena = operands.bytes(sequences * layers * bytes),
          .offsets = operands.array(offsets),
          .layers = layers,
          .layer = 0};
}

SsmScanArgs scan_args(Operands& operands, const MambaDims& dims, int64_t tokens) {
  return {.xbc = {},
          .dt = operands.activations({tokens, dims.heads}),
          .a = operands.uniform(DType::kF32, {dims.heads}, -1.5F, -0.5F),
          .d = operands.uniform(DType::kF32, {dims.heads}, 0.5F, 1.5F),
          .dt_bias = operands.uniform(DType::kF32, {dims.heads}, -4.0F, -2.0F),
          .dt_min = 0.0F,
          .dt_max = std::numeric_limits<float>::infinity(),
          .y = {},
          .dims = dims,
          .state = {},
          .table = {},
          .tokens = operands.count(tokens)};
}

/// Sequences that decode, one token each, through as many layers as fill the caches; their rings
/// are at different places of the cycle, two steps apart.
class DecodeLoop final {
 public:
  DecodeLoop(Operands& operands, const MambaDims& dims)
      : operands_(operands), positions_(kDecodes), args_(scan_args(operands, dims, kDecodes)) {
    std::vector<StepRow> rows;
    for (size_t s = 0; s < positions_.size(); ++s) {
      positions_[s] = static_cast<int32_t>(64 + 2 * s);
      rows.push_back({.position = positions_[s], .tokens = 1});
    }
    args_.table = operands.table(rows, kDecodes);
    device_positions_ = operands.array(positions_);
    args_.table.position = device_positions_;
    const int64_t state = mamba_state_layout(dims).bytes * kDecodes;
    args_.state =
        state_blocks(operands, dims, kDecodes, copies_beyond_cache(static_cast<double>(state)));
    args_.xbc = operands.activations({kDecodes, dims.channels()});
    args_.y = operands.zeros(DType::kBF16, {kDecodes, dims.inner()});
    ids_ = operands.zeros(DType::kI32, {kDecodes});
  }

  [[nodiscard]] int64_t layers() const { return args_.state.layers; }

  void run(int64_t call) {
    args_.state.layer = call % layers();
    ops::ssm_scan(operands_.context(), args_);
    if (args_.state.layer == layers() - 1) {
      ops::advance(operands_.context(),
                   {.table = args_.table, .ids = ids_, .tokens = args_.tokens});
      for (int32_t& position : positions_) {
        ++position;
      }
      operands_.write(device_positions_, positions_.data(),
                      kDecodes * static_cast<int64_t>(sizeof(int32_t)));
    }
  }

 private:
  Operands& operands_;
  std::vector<int32_t> positions_;
  int32_t* device_positions_ = nullptr;
  SsmScanArgs args_;
  TensorView ids_;
};

PreparedOp prepare_decode(Operands& operands, const MambaShape& shape, DType stored) {
  const MambaDims dims = shape.dims(stored);
  DecodeLoop loop(operands, dims);
  PreparedOp op;
  op.cost = ssm_decode_cost({.dims = dims, .sequences = kDecodes});
  // In any two steps exactly one of the eight rings is flushed.
  op.cycle = 2 * loop.layers();
  op.run = [loop](int64_t call) mutable { loop.run(call); };
  return op;
}

PreparedOp prepare_prefill(Operands& operands, const MambaShape& shape) {
  const MambaDims dims = shape.dims();
  SsmScanArgs args = scan_args(operands, dims, kPrefill);
  args.table = operands.table({{.position = 0, .tokens = kPrefill}}, 0);
  PreparedOp op;
  op.cost = ssm_prefill_cost(dims, kPrefill);
  op.cycle = copies_beyond_cache(op.cost.bytes);
  args.state = state_blocks(operands, dims, 1, op.cycle);
  const std::vector<TensorView> xbc =
      operands.rotating(DType::kBF16, {kPrefill, dims.channels()}, op.cycle);
  args.y = operands.zeros(DType::kBF16, {kPrefill, dims.inner()});
  op.run = [&operands, xbc, args](int64_t call) mutable {
    args.state.layer = call % args.state.layers;
    args.xbc = xbc[static_cast<size_t>(args.state.layer)];
    ops::ssm_scan(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_conv(Operands& operands, const MambaShape& shape, int64_t sequences,
                        int64_t tokens) {
  const MambaDims dims = shape.dims();
  const int64_t rows = sequences * tokens;
  const std::vector<StepRow> steps(
      static_cast<size_t>(sequences),
      {.position = tokens == 1 ? 64 : 0, .tokens = static_cast<int32_t>(tokens)});
  PreparedOp op;
  op.cost = causal_conv_cost(dims, rows, sequences);
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const int64_t width = dims.inner() + dims.channels() + dims.heads;
  const std::vector<TensorView> projected =
      operands.rotating(DType::kBF16, {rows, width}, op.cycle);
  CausalConvArgs args{
      .xbc = {},
      .weight = operands.uniform(DType::kF32, {dims.channels(), dims.window + 1}, -0.5F, 0.5F),
      .bias = operands.uniform(DType::kF32, {dims.channels()}, -0.5F, 0.5F),
      .out = operands.zeros(DType::kBF16, {rows, dims.channels()}),
      .dims = dims,
      .state = state_blocks(operands, dims, sequences, 1),
      .table = operands.table(steps, tokens == 1 ? sequences : 0),
      .tokens = operands.count(rows)};
  op.run = [&operands, projected, dims, args](int64_t call) mutable {
    args.xbc = projected[static_cast<size_t>(call) % projected.size()].columns(dims.inner(),
                                                                               dims.channels());
    ops::causal_conv(operands.context(), args);
  };
  return op;
}

void add_shape(std::vector<OpRow>& rows, const MambaShape& shape) {
  for (const DType stored : {DType::kF32, DType::kF16}) {
    rows.push_back(
        {.name = fmt::format("ssm_decode.{}.{}.{}", name_of(stored), shape.name, kDecodes),
         .what = fmt::format("{} heads, {} sequences, {} state", shape.heads, kDecodes,
                             name_of(stored)),
         .prepare = [&shape, stored](Operands& o) { return prepare_decode(o, shape, stored); }});
  }
  rows.push_back({.name = fmt::format("ssm_prefill.f32.{}.{}", shape.name, kPrefill),
                  .what = fmt::format("{} heads, {} tokens", shape.heads, kPrefill),
                  .prepare = [&shape](Operands& o) { return prepare_prefill(o, shape); }});
  rows.push_back(
      {.name = fmt::format("causal_conv.{}.{}x1", shape.name, kDecodes),
       .what = fmt::format("{} channels, {} sequences", shape.dims().channels(), kDecodes),
       .prepare = [&shape](Operands& o) { return prepare_conv(o, shape, kDecodes, 1); }});
  rows.push_back(
      {.name = fmt::format("causal_conv.{}.{}", shape.name, kPrefill),
       .what = fmt::format("{} channels, {} tokens", shape.dims().channels(), kPrefill),
       .prepare = [&shape](Operands& o) { return prepare_conv(o, shape, 1, kPrefill); }});
}

}  // namespace

void add_mamba_rows(std::vector<OpRow>& rows) {
  add_shape(rows, kNano);
  add_shape(rows, kUltra);
}

}  // namespace dak::bench
