#include <limits>

#include "dakkar/device/ops_attention.h"
#include "dakkar/device/ops_mamba.h"
#include "dakkar/device/testing/op_cases.h"

namespace dak::testing {
namespace {

/// Two decoding sequences, the second with a draft, and two prefilling ones.
const std::vector<StepSequence>& mixed_step() {
  static const std::vector<StepSequence> kStep = {
      {.slot = 2, .position = 37, .tokens = 1},
      {.slot = 0, .position = 21, .tokens = 2},
      {.slot = 3, .position = 0, .tokens = 20},
      {.slot = 1, .position = 120, .tokens = 25},
  };
  return kStep;
}
constexpr int64_t kDecodes = 2;
constexpr int64_t kTokens = 48;
constexpr int64_t kFewer = 3;         // sequences
constexpr int64_t kFewerTokens = 23;  // theirs

/// A table whose slots stand where the step says, with rings of different lengths.
SequenceTable opened_table(CaseRun& run) {
  SequenceTable table = run.table(mixed_step(), kDecodes, kFewer);
  std::vector<SlotHeader> headers(4);
  headers[2] = {.position = 37, .base = 16, .last_token = 5, .failed = 0};
  headers[0] = {.position = 21, .base = 16, .last_token = 6, .failed = 0};
  headers[1] = {.position = 120, .base = 112, .last_token = 7, .failed = 0};
  table.headers = run.rig().array(headers);
  return table;
}

MambaDims small_dims(DType activation) {
  return {.heads = 6,
          .head_dim = 10,
          .groups = 2,
          .state = 24,
          .ring = 24,
          .window = 5,
          .activation = activation};
}

struct StateBlocks {
  MambaState state;
  std::vector<std::byte*> blocks;
  std::vector<std::byte*> carries;
};

/// State blocks full of random values, one per sequence, at scattered places.
StateBlocks random_blocks(CaseRun& run, const MambaDims& dims) {
  OpRig& rig = run.rig();
  const MambaStateLayout layout = mamba_state_layout(dims);
  const auto count = static_cast<int64_t>(mixed_step().size());
  std::byte* arena = rig.bytes(2 * count * layout.bytes);
  StateBlocks made;
  std::vector<int64_t> offsets;
  for (int64_t b = 0; b < count; ++b) {
    offsets.push_back(0);
    offsets.push_back(((b * 3) % count * 2 + 1) * layout.bytes);
    std::byte* block = arena + offsets.back();
    made.blocks.push_back(block);
    const auto fill = [&](int64_t place, DType dtype, int64_t elements, Spread spread) {
      const TensorView from = rig.randoms(dtype, {elements}, spread);
      rig.write(TensorView::dense(block + place, dtype, {elements}), rig.read(from));
    };
    fill(layout.ssm, dims.stored, dims.inner() * dims.state, {});
    fill(layout.ring_xb, dims.activation, dims.ring * (dims.inner() + dims.groups * dims.state),
         {});
    fill(layout.ring_dt, DType::kF32, dims.ring * dims.heads, {.scale = 0.01F, .centre = 0.1F});
    fill(layout.conv, dims.activation, dims.window * dims.channels(), {});
  }
  made.state = {.arena = arena, .offsets = rig.array(offsets), .layers = 2, .layer = 1};
  return made;
}

/// Gives the prefilling sequences carries of random values: the first writes its own, the second
/// ends its prompt.
void add_carries(CaseRun& run, const MambaDims& dims, StateBlocks& to) {
  OpRig& rig = run.rig();
  std::vector<int64_t> offsets;
  for (size_t b = 0; b < to.blocks.size(); ++b) {
    const TensorView carry = rig.randoms(DType::kF32, {mamba_carry_layout(dims).bytes / 4});
    to.carries.push_back(carry.data);
    offsets.insert(offsets.end(), {0, carry.data - to.state.arena});
  }
  const std::vector<CarryUse> use = {CarryUse::kNone, CarryUse::kNone, CarryUse::kWrite,
                                     CarryUse::kRead};
  to.state.carry = {.offsets = rig.array(offsets), .use = rig.array(use)};
}

void step_case(CaseRun& run, void (*op)(Context&, const StepArgs&)) {
  SequenceTable table = opened_table(run);
  std::vector<int32_t> ids(kTokens, 9);
  ids[0] = -1;
  ids[kTokens - 1] = -1;
  const StepArgs args{
      .table = table, .ids = run.rig().ints(ids), .tokens = run.count(kTokens, kFewerTokens)};
  run.compare("ids", args.ids, 0.0);
  run.compare_bytes("headers", table.headers, 4 * sizeof(SlotHeader));
  run.set_body([&run, args, op] { op(run.context(), args); });
}

void conv_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const MambaDims dims = small_dims(dtype);
  const StateBlocks blocks = random_blocks(run, dims);
  const TensorView wide = rig.randoms(dtype, {kTokens, dims.channels() + 7});
  const CausalConvArgs args{.xbc = wide.columns(7, dims.channels()),
                            .weight = rig.randoms(DType::kF32, {dims.channels(), 4}),
                            .bias = rig.randoms(DType::kF32, {dims.channels()}),
                            .out = rig.randoms(dtype, {kTokens, dims.channels()}),
                            .dims = dims,
                            .state = blocks.state,
                            .table = opened_table(run),
                            .tokens = run.count(kTokens, kFewerTokens)};
  run.compare("out", args.out, tolerance_of(dtype, 4));
  const int64_t place = mamba_state_layout(dims).conv;
  for (std::byte* block : blocks.blocks) {
    run.compare_bytes("window", block + place, dims.window * dims.channels() * size_of(dtype));
  }
  run.set_body([&run, args] { ops::causal_conv(run.context(), args); });
}

/// Relative error of an f16 state whose values were `near` before they were rounded with the same
/// random bits: a difference is seen where it crosses the bits, and is then one unit.
double rounded_tolerance(double near) {
  return near + std::sqrt(near / 0x1p-11) * 0x1p-10;
}

void compare_state(CaseRun& run, const MambaDims& dims, const StateBlocks& blocks) {
  const double near = tolerance_of(DType::kF32, 4 * kChunkTokens);
  const double tolerance = dims.stored == DType::kF16 ? rounded_tolerance(near) : near;
  const int64_t elements = dims.inner() * dims.state;
  const MambaStateLayout layout = mamba_state_layout(dims);
  for (std::byte* block : blocks.blocks) {
    run.compare("state", TensorView::dense(block, dims.stored, {elements}), tolerance);
    run.compare_bytes(
        "ring", block + layout.ring_xb,
        dims.ring * (dims.inner() + dims.groups * dims.state) * size_of(dims.activation));
    run.compare("ring dt",
                TensorView::dense(block + layout.ring_dt, DType::kF32, {dims.ring * dims.heads}),
                tolerance_of(DType::kF32, 1));
  }
  for (std::byte* carry : blocks.carries) {
    run.compare("carry", TensorView::dense(carry, DType::kF32, {elements}), near);
  }
}

void scan_case(CaseRun& run, const MambaDims& dims) {
  OpRig& rig = run.rig();
  const DType dtype = dims.activation;
  StateBlocks blocks = random_blocks(run, dims);
  if (dims.stored != DType::kF32) {
    add_carries(run, dims, blocks);
  }
  const SsmScanArgs args{
      .xbc = rig.randoms(dtype, {kTokens, dims.channels()}),
      .dt = rig.randoms(dtype, {kTokens, dims.heads}),
      .a = rig.randoms(DType::kF32, {dims.heads}, {.scale = 0.1F, .centre = -1.0F}),
      .d = rig.randoms(DType::kF32, {dims.heads}),
      .dt_bias = rig.randoms(DType::kF32, {dims.heads}, {.scale = 0.1F, .centre = -2.0F}),
      .dt_min = 0.0F,
      .dt_max = std::numeric_limits<float>::infinity(),
      .y = rig.randoms(dtype, {kTokens, dims.inner()}),
      .dims = dims,
      .state = blocks.state,
      .table = opened_table(run),
      .tokens = run.count(kTokens, kFewerTokens),
      .rounding = {.seed = 0x5eed, .first_head = 6}};
  run.compare("y", args.y, tolerance_of(dtype, 4 * dims.state * kChunkTokens));
  compare_state(run, dims, blocks);
  run.set_body([&run, args] { ops::ssm_scan(run.context(), args); });
}

struct Pages {
  PagedKv kv;
  TensorView all;  ///< every byte of the pages, as stored values
};

/// Two pages for each sequence of the step, in scattered order, full of random values.
Pages random_pages(CaseRun& run, DType dtype, int64_t heads, int64_t head_dim) {
  OpRig& rig = run.rig();
  const int64_t elements = 2 * kChunkTokens * heads * head_dim;
  const auto count = static_cast<int64_t>(2 * mixed_step().size());
  Pages pages;
  pages.all = rig.randoms(dtype, {count * elements + 64});
  std::vector<int64_t> table;
  for (int64_t i = 0; i < count; ++i) {
    table.push_back(i * 5 % count * elements * size_of(dtype));
  }
  pages.kv = {.arena = pages.all.data,
              .page_table = rig.array(table),
              .max_pages = 2,
              .layer_offset = 64 * size_of(dtype),
              .dtype = dtype,
              .k_scale = 0.125F,
              .v_scale = 0.3F};
  return pages;
}

void kv_write_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const Pages pages = random_pages(run, dtype, 2, 16);
  const KvWriteArgs args{.k = rig.randoms(DType::kBF16, {kTokens, 2, 16}),
                         .v = rig.randoms(DType::kF32, {kTokens, 2, 16}),
                         .kv = pages.kv,
                         .table = opened_table(run),
                         .tokens = run.count(kTokens, kFewerTokens)};
  run.compare("pages", pages.all, 0.0);
  run.set_body([&run, args] { ops::kv_write(run.context(), args); });
}

void attention_case(CaseRun& run, DType dtype) {
  OpRig& rig = run.rig();
  const Pages pages = random_pages(run, dtype, 2, 16);
  const AttentionArgs args{.q = rig.randoms(DType::kBF16, {kTokens, 6, 16}),
                           .kv = pages.kv,
                           .kv_heads = 2,
                           .scale = 0.25F,
                           .out = rig.randoms(DType::kBF16, {kTokens, 6, 16}),
                           .lse = rig.randoms(DType::kF32, {kTokens, 6}),
                           .table = opened_table(run),
                           .tokens = run.count(kTokens, kFewerTokens)};
  run.compare("out", args.out, tolerance_of(DType::kBF16, 160));
  run.compare("lse", args.lse, tolerance_of(DType::kF32, 160));
  run.set_body([&run, args] { ops::attention(run.context(), args); });
}

/// The last of some parts, which early positions leave empty; then its share of the whole.
void attention_part_case(CaseRun& run, DType dtype, int64_t parts) {
  OpRig& rig = run.rig();
  Pages pages = random_pages(run, dtype, 2, 16);
  pages.kv.parts = parts;
  pages.kv.part = parts - 1;
  const TensorView lse = rig.randoms(DType::kF32, {parts, kTokens, 8}, {.centre = 5.0F});
  const AttentionArgs args{.q = rig.randoms(DType::kBF16, {kTokens, 8, 16}),
                           .kv = pages.kv,
                           .kv_heads = 2,
                           .scale = 0.25F,
                           .out = rig.randoms(DType::kF32, {kTokens, 8, 16}),
                           .lse = lse.rows(parts - 1, 1).reshaped({kTokens, 8}),
                           .table = opened_table(run),
                           .tokens = run.count(kTokens, kFewerTokens)};
  const WeighPartArgs weigh{.x = args.out,
                            .lse = lse,
                            .part = parts - 1,
                            .out = rig.randoms(DType::kF32, {parts, kTokens, 8 / parts, 16}),
                            .tokens = args.tokens};
  run.compare("out", args.out, tolerance_of(DType::kF32, 160));
  run.compare("weighed", weigh.out, tolerance_of(DType::kF32, 160));
  run.set_body([&run, args, weigh] {
    ops::attention(run.context(), args);
    ops::weigh_part(run.context(), weigh);
  });
}

}  // namespace

void add_sequence_cases(std::vector<OpCase>& cases) {
  cases.push_back({"begin_step", [](CaseRun& run) { step_case(run, ops::begin_step); }});
  cases.push_back({"advance", [](CaseRun& run) { step_case(run, ops::advance); }});
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const std::string name(name_of(dtype));
    cases.push_back({"causal_conv_" + name, [dtype](CaseRun& run) { conv_case(run, dtype); }});
    for (const DType stored : {DType::kF32, DType::kF16}) {
      MambaDims dims = small_dims(dtype);
      dims.stored = stored;
      const std::string of = "ssm_scan_" + name + "_state_" + std::string(name_of(stored));
      cases.push_back({of, [dims](CaseRun& run) { scan_case(run, dims); }});
      // Whole vectors.
      dims.head_dim = 48;
      dims.state = 80;
      cases.push_back({of + "_wide", [dims](CaseRun& run) { scan_case(run, dims); }});
    }
  }
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF8E4M3}) {
    const std::string name(name_of(dtype));
    cases.push_back({"kv_write_" + name, [dtype](CaseRun& run) { kv_write_case(run, dtype); }});
    cases.push_back({"attention_" + name, [dtype](CaseRun& run) { attention_case(run, dtype); }});
    for (const int64_t parts : {2, 4}) {
      cases.push_back({"attention_" + name + "_last_of_" + std::to_string(parts),
                       [dtype, parts](CaseRun& run) { attention_part_case(run, dtype, parts); }});
    }
  }
}

}  // namespace dak::testing
