#include "dakkar/bench/costs.h"

#include <algorithm>
#include <cmath>

namespace dak::bench {
namespace {

constexpr double kRingMean = 8.5;  // tokens in the ring before a decode step, over its cycle

double real(int64_t value) {
  return static_cast<double>(value);
}

double size_in_bytes(int64_t elements, DType dtype) {
  return real(elements) * real(size_of(dtype));
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  bytes += other.bytes;
  flops += other.flops;
  return *this;
}

double matrix_bytes(QuantFormat format, int64_t n, int64_t k) {
  const auto elements = real(n * k);
  switch (format) {
    case QuantFormat::kF32:
      return elements * 4.0;
    case QuantFormat::kF16:
    case QuantFormat::kBF16:
      return elements * 2.0;
    case QuantFormat::kFp8:
      return elements;
    case QuantFormat::kNvfp4:
      return elements * (0.5 + 1.0 / real(kNvfp4Block));
  }
  return 0.0;
}

Cost linear_cost(const LinearSize& size) {
  return {.bytes = size.weight_bytes + size_in_bytes(size.tokens * size.k, size.in) +
                   size_in_bytes(size.tokens * size.n, size.out),
          .flops = 2.0 * real(size.tokens) * real(size.n) * real(size.k)};
}

Cost expert_cost(const ExpertSize& size) {
  const int64_t rows = size.tokens * size.chosen;
  return {.bytes = size.touched * size.expert_bytes +
                   size_in_bytes(size.in_rows * size.k, DType::kBF16) +
                   size_in_bytes(rows * size.n, size.out),
          .flops = 2.0 * real(rows) * real(size.n) * real(size.k)};
}

double expected_experts(int64_t tokens, int64_t chosen, int64_t experts) {
  if (experts == 0) {
    return 0.0;
  }
  const double missed = std::pow(1.0 - real(chosen) / real(experts), real(tokens));
  return real(experts) * (1.0 - missed);
}

Cost ssm_decode_cost(const SsmSize& size) {
  const MambaDims& dims = size.dims;
  const double state = real(dims.inner() * dims.state);
  const double ring_row = size_in_bytes(dims.inner() + dims.groups * dims.state, dims.activation) +
                          4.0 * real(dims.heads);
  const double state_bytes = state * real(size_of(dims.stored));
  const double in_and_out = size_in_bytes(dims.channels() + dims.inner(), dims.activation);
  const double bytes = state_bytes * (1.0 + 1.0 / real(kRingFlushTokens)) +
                       ring_row * (kRingMean + 1.0) + in_and_out;
  return Cost{.bytes = bytes, .flops = 5.0 * state}.scaled(real(size.sequences));
}

Cost ssm_prefill_cost(const MambaDims& dims, int64_t tokens) {
  Cost cost;
  const double heads = real(dims.heads);
  const double groups = real(dims.groups);
  const double head_dim = real(dims.head_dim);
  const double state = real(dims.state);
  for (int64_t begin = 0; begin < tokens; begin += kChunkTokens) {
    const double rows = real(std::min(kChunkTokens, tokens - begin));
    const double pairs = rows * (rows + 1.0) / 2.0;
    const double through_state = 2.0 * rows * head_dim * state * heads;
    cost.flops += 2.0 * pairs * (groups * state + heads * head_dim) + through_state;
    cost.flops += begin > 0 ? through_state : 0.0;
  }
  cost.bytes =
      size_in_bytes(tokens * (dims.channels() + dims.heads + dims.inner()), dims.activation) +
      real(dims.inner() * dims.state) * real(size_of(dims.stored));
  return cost;
}

Cost causal_conv_cost(const MambaDims& dims, int64_t tokens, int64_t sequences) {
  const double channels = real(dims.channels());
  const double taps = real(dims.window + 1);
  return {.bytes = size_in_bytes(2 * tokens * dims.channels(), dims.activation) +
                   size_in_bytes(2 * sequences * dims.window * dims.channels(), dims.activation) +
                   4.0 * channels * (taps + 1.0),
          .flops = real(tokens) * channels * (2.0 * taps + 4.0)};
}

Cost attention_cost(const AttentionSize& size) {
  const double before = real(size.keys - size.queries);
  const double queries = real(size.queries);
  const double visible = queries * before + queries * (queries + 1.0) / 2.0;
  const int64_t width = size.query_heads * size.head_dim;
  return {.bytes = size_in_bytes(2 * size.keys * size.kv_heads * size.head_dim, size.kv) +
                   size_in_bytes(2 * size.queries * width, DType::kBF16),
          .flops = 4.0 * visible * real(width)};
}

Cost row_cost(const RowSize& size) {
  return {.bytes = size.elements * size.bytes_per_element,
          .flops = size.elements * size.flops_per_element};
}

}  // namespace dak::bench
