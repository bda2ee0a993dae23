#include "dakkar/bench/step_costs.h"

#include <vector>

namespace dak::bench {
namespace {

double real(int64_t value) {
  return static_cast<double>(value);
}

/// New tokens of sequence `b`.
int64_t new_tokens(const SequenceTable& table, int64_t b) {
  return table.query_start[b + 1] - table.query_start[b];
}

}  // namespace

Cost step_cost(const LinearArgs& args) {
  const PackedWeight& weight = *args.weight;
  const double tokens = real(args.tokens.read());
  return {.bytes = tokens > 0.0 ? matrix_bytes(weight.format, weight.n, weight.k) : 0.0,
          .flops = 2.0 * tokens * real(weight.n) * real(weight.k)};
}

Cost step_cost(const ExpertLinearArgs& args) {
  Cost cost;
  std::vector<bool> seen(args.experts.size());
  const int64_t rows = args.tokens.read() * args.chosen.dim(1);
  const auto* chosen = args.chosen.as<int32_t>();
  for (int64_t row = 0; row < rows; ++row) {
    const auto expert = static_cast<size_t>(chosen[row]);
    const PackedWeight& weight = args.experts[expert];
    cost.flops += 2.0 * real(weight.n) * real(weight.k);
    cost.bytes += seen[expert] ? 0.0 : matrix_bytes(weight.format, weight.n, weight.k);
    seen[expert] = true;
  }
  return cost;
}

Cost step_cost(const RouteArgs& args) {
  return {.bytes = real(args.gate.bytes()),
          .flops = 2.0 * real(args.tokens.read()) * real(args.gate.elements())};
}

Cost step_cost(const SsmScanArgs& args) {
  const double state_bytes =
      real(args.dims.inner() * args.dims.state) * real(size_of(args.dims.stored));
  Cost cost;
  const int64_t decodes = args.table.decodes.read();
  for (int64_t b = 0; b < args.table.sequences.read(); ++b) {
    const int64_t tokens = new_tokens(args.table, b);
    if (b < decodes) {
      cost += ssm_decode_cost({.dims = args.dims, .sequences = tokens > 0 ? 1 : 0});
      continue;
    }
    cost.flops += ssm_prefill_cost(args.dims, tokens).flops;
    cost.bytes += args.table.position[b] > 0 ? 2.0 * state_bytes : state_bytes;
  }
  return cost;
}

Cost step_cost(const AttentionArgs& args) {
  Cost cost;
  const int64_t head_dim = args.q.dim(2);
  for (int64_t b = 0; b < args.table.sequences.read(); ++b) {
    const int64_t queries = new_tokens(args.table, b);
    const int64_t keys = args.table.position[b] + queries;
    const Cost whole = attention_cost({.queries = queries,
                                       .keys = keys,
                                       .query_heads = args.q.dim(1),
                                       .kv_heads = args.kv_heads,
                                       .head_dim = head_dim,
                                       .kv = args.kv.dtype});
    cost.flops += whole.flops;
    cost.bytes += 2.0 * real(keys * args.kv_heads * head_dim) * real(size_of(args.kv.dtype));
  }
  return cost;
}

Cost step_cost(const EmbedArgs& args) {
  const double row = real(args.table.dim(1)) * real(size_of(args.table.dtype));
  return {.bytes = real(args.tokens.read()) * row, .flops = 0.0};
}

}  // namespace dak::bench
