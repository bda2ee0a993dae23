#include <cmath>

#include <fmt/core.h>

#include "dakkar/bench/op_row.h"
#include "dakkar/device/ops_attention.h"

namespace dak::bench {
namespace {

struct HeadShape {
  const char* name;
  int64_t query_heads;
  int64_t kv_heads;
};

constexpr int64_t kHeadDim = 128;
constexpr HeadShape kNano = {.name = "nano", .query_heads = 32, .kv_heads = 2};
constexpr HeadShape kUltra = {.name = "ultra", .query_heads = 64, .kv_heads = 2};

/// What the step's sequences look like: `queries` new tokens each, after `before` old ones.
struct Lengths {
  int64_t sequences = 1;
  int64_t before = 0;
  int64_t queries = 1;
};

/// Pages for every sequence, `layers` layers in each page, full of values of one layer.
PagedKv filled_pages(Operands& operands, const Lengths& lengths, int64_t layer_bytes,
                     int64_t layers) {
  const int64_t pages = (lengths.before + lengths.queries + kChunkTokens - 1) / kChunkTokens;
  const int64_t count = pages * lengths.sequences;
  std::byte* arena = operands.bytes(count * layers * layer_bytes);
  std::vector<int64_t> table;
  for (int64_t i = 0; i < count; ++i) {
    table.push_back(i * layers * layer_bytes);
  }
  return {.arena = arena, .page_table = operands.array(table), .max_pages = pages};
}

int64_t layer_bytes_of(const HeadShape& shape, DType dtype) {
  return 2 * kChunkTokens * shape.kv_heads * kHeadDim * size_of(dtype);
}

void fill(Operands& operands, const PagedKv& kv, int64_t bytes, int64_t layer_bytes) {
  const TensorView one = operands.activations({layer_bytes / size_of(kv.dtype)}, kv.dtype);
  for (int64_t place = 0; place < bytes; place += layer_bytes) {
    operands.write(kv.arena + place, one.data, layer_bytes);
  }
}

SequenceTable table_of(Operands& operands, const Lengths& lengths) {
  const std::vector<StepRow> rows(static_cast<size_t>(lengths.sequences),
                                  {.position = static_cast<int32_t>(lengths.before),
                                   .tokens = static_cast<int32_t>(lengths.queries)});
  return operands.table(rows, lengths.queries == 1 ? lengths.sequences : 0);
}

PreparedOp prepare_attention(Operands& operands, const HeadShape& shape, DType dtype,
                             const Lengths& lengths) {
  PreparedOp op;
  op.cost = attention_cost({.queries = lengths.queries,
                            .keys = lengths.before + lengths.queries,
                            .query_heads = shape.query_heads,
                            .kv_heads = shape.kv_heads,
                            .head_dim = kHeadDim,
                            .kv = dtype})
                .scaled(static_cast<double>(lengths.sequences));
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const int64_t layer_bytes = layer_bytes_of(shape, dtype);
  const int64_t tokens = lengths.sequences * lengths.queries;
  AttentionArgs args{.q = operands.activations({tokens, shape.query_heads, kHeadDim}),
                     .kv = filled_pages(operands, lengths, layer_bytes, op.cycle),
                     .kv_heads = shape.kv_heads,
                     .scale = 1.0F / std::sqrt(static_cast<float>(kHeadDim)),
                     .out = operands.zeros(DType::kBF16, {tokens, shape.query_heads, kHeadDim}),
                     .lse = operands.zeros(DType::kF32, {tokens, shape.query_heads}),
                     .table = table_of(operands, lengths),
                     .tokens = operands.count(tokens)};
  args.kv.dtype = dtype;
  fill(operands, args.kv, args.kv.max_pages * lengths.sequences * op.cycle * layer_bytes,
       layer_bytes);
  op.run = [&operands, layer_bytes, cycle = op.cycle, args](int64_t call) mutable {
    args.kv.layer_offset = call % cycle * layer_bytes;
    ops::attention(operands.context(), args);
  };
  return op;
}

PreparedOp prepare_kv_write(Operands& operands, const HeadShape& shape, DType dtype,
                            const Lengths& lengths) {
  const int64_t tokens = lengths.sequences * lengths.queries;
  const int64_t width = shape.kv_heads * kHeadDim;
  PreparedOp op;
  op.cost = row_cost({.elements = static_cast<double>(2 * tokens * width),
                      .bytes_per_element = 2.0 + static_cast<double>(size_of(dtype)),
                      .flops_per_element = dtype == DType::kF8E4M3 ? 1.0 : 0.0});
  op.cycle = copies_beyond_cache(op.cost.bytes);
  const int64_t layer_bytes = layer_bytes_of(shape, dtype);
  KvWriteArgs args{.k = operands.activations({tokens, shape.kv_heads, kHeadDim}),
                   .v = operands.activations({tokens, shape.kv_heads, kHeadDim}),
                   .kv = filled_pages(operands, lengths, layer_bytes, op.cycle),
                   .table = table_of(operands, lengths),
                   .tokens = operands.count(tokens)};
  args.kv.dtype = dtype;
  op.run = [&operands, layer_bytes, cycle = op.cycle, args](int64_t call) mutable {
    args.kv.layer_offset = call % cycle * layer_bytes;
    ops::kv_write(operands.context(), args);
  };
  return op;
}

void add_attention(std::vector<OpRow>& rows, const HeadShape& shape, DType dtype,
                   const Lengths& lengths) {
  const bool decode = lengths.queries == 1;
  const std::string size = decode ? fmt::format("{}x{}", lengths.sequences, lengths.before + 1)
                                  : fmt::format("{}", lengths.queries);
  rows.push_back({.name = fmt::format("attention_{}.{}.{}.{}", decode ? "decode" : "prefill",
                                      name_of(dtype), shape.name, size),
                  .what = fmt::format("{} query heads, {} KV heads, {} {}", shape.query_heads,
                                      shape.kv_heads, size, decode ? "keys" : "tokens"),
                  .prepare = [&shape, dtype, lengths](Operands& operands) {
                    return prepare_attention(operands, shape, dtype, lengths);
                  }});
}

}  // namespace

void add_attention_rows(std::vector<OpRow>& rows) {
  for (const DType dtype : {DType::kBF16, DType::kF8E4M3}) {
    add_attention(rows, kNano, dtype, {.sequences = 8, .before = 2047, .queries = 1});
    add_attention(rows, kNano, dtype, {.sequences = 1, .before = 0, .queries = 512});
    add_attention(rows, kNano, dtype, {.sequences = 1, .before = 0, .queries = 2048});
  }
  add_attention(rows, kUltra, DType::kF8E4M3, {.sequences = 8, .before = 2047, .queries = 1});
  add_attention(rows, kUltra, DType::kF8E4M3, {.sequences = 1, .before = 0, .queries = 512});
  rows.push_back({.name = "kv_write.f8_e4m3.nano.512",
                  .what = "2 KV heads, 512 tokens",
                  .prepare = [](Operands& operands) {
                    return prepare_kv_write(operands, kNano, DType::kF8E4M3,
                                            {.sequences = 1, .before = 0, .queries = 512});
                  }});
}

}  // namespace dak::bench
