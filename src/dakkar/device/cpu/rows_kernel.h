#pragma once

#include "dakkar/device/cpu/lane_math.h"
#include "dakkar/device/cpu/rows.h"

/// The bodies of `RowKernels` over the vectors of one instruction set, which `V` names; only that
/// set's file instantiates them.
namespace dak::cpu {

/// What a row is divided by to have unit root-mean-square, inverted.
template <typename V>
typename V::Register scale_for(typename V::Register squares, const NormRow& row) {
  const float mean = V::sum(squares) / static_cast<float>(row.width);
  return V::broadcast(1.0F / V::square_root(mean + row.eps));
}

/// out = weight * (from * scale).
template <typename V>
void scale_row(const Elements& from, typename V::Register scale, const NormRow& row) {
  const Elements weight = {reinterpret_cast<std::byte*>(const_cast<float*>(row.weight)),
                           Stored::kF32};
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    const typename V::Register scaled = V::multiply(load_at<V>(from, i, count), scale);
    store_at<V>(row.out, i, count, V::multiply(load_at<V>(weight, i, count), scaled));
  }
}

template <typename V>
void norm_row(const NormRow& row) {
  typename V::Register squares = V::broadcast(0.0F);
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const typename V::Register x = load_at<V>(row.x, i, lanes_at<V>(i, row.width));
    squares = V::multiply_add(x, x, squares);
  }
  scale_row<V>(row.x, scale_for<V>(squares, row), row);
}

template <typename V>
void add_norm_row(const NormRow& row) {
  typename V::Register squares = V::broadcast(0.0F);
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    store_at<V>(row.x, i, count,
                V::add(load_at<V>(row.x, i, count), load_at<V>(row.other, i, count)));
    // What is normalised is the sum that later layers will read.
    const typename V::Register x = load_at<V>(row.x, i, count);
    squares = V::multiply_add(x, x, squares);
  }
  scale_row<V>(row.x, scale_for<V>(squares, row), row);
}

template <typename V>
void gated_norm_row(const NormRow& row) {
  float gated[kMostGroupColumns];
  const Elements product = {reinterpret_cast<std::byte*>(gated), Stored::kF32};
  typename V::Register squares = V::broadcast(0.0F);
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    const typename V::Register x =
        V::multiply(load_at<V>(row.x, i, count), silu_of<V>(load_at<V>(row.other, i, count)));
    store_at<V>(product, i, count, x);
    squares = V::multiply_add(x, x, squares);
  }
  scale_row<V>(product, scale_for<V>(squares, row), row);
}

template <typename V>
void copy_row(const MapRow& row) {
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    store_at<V>(row.out, i, count, load_at<V>(row.x, i, count));
  }
}

template <typename V>
void relu2_row(const MapRow& row) {
  const typename V::Register zero = V::broadcast(0.0F);
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    const typename V::Register x = load_at<V>(row.x, i, count);
    store_at<V>(row.out, i, count, V::where_negative(x, zero, V::multiply(x, x)));
  }
}

template <typename V>
void combine_row(const CombineRow& row) {
  for (int64_t i = 0; i < row.width; i += V::kLanes) {
    const int64_t count = lanes_at<V>(i, row.width);
    typename V::Register sum = V::broadcast(0.0F);
    for (int64_t j = 0; j < row.count; ++j) {
      const Elements x = {reinterpret_cast<std::byte*>(const_cast<float*>(row.x + j * row.stride)),
                          Stored::kF32};
      sum = V::multiply_add(V::broadcast(row.weights[j]), load_at<V>(x, i, count), sum);
    }
    store_at<V>(row.out, i, count, sum);
  }
}

/// One vector of channels: the taps stay in registers, and so do the three inputs before a token.
template <typename V>
void convolve_channels(const ConvRows& rows, int64_t channel, int64_t count) {
  const float* taps = rows.weight + channel * kConvTaps;
  float last[V::kLanes * kConvTaps] = {};
  for (int64_t i = 0; count < V::kLanes && i < count * kConvTaps; ++i) {
    last[i] = taps[i];
  }
  typename V::Register weight[kConvTaps];
  V::columns_of_four(count < V::kLanes ? last : taps, weight);
  const Elements biases = {reinterpret_cast<std::byte*>(const_cast<float*>(rows.bias)),
                           Stored::kF32};
  const typename V::Register bias = load_at<V>(biases, channel, count);
  const auto input = [&](int64_t i) {
    const Elements row = {const_cast<std::byte*>(rows.inputs[i]), rows.stored};
    return row.data == nullptr ? V::broadcast(0.0F) : load_at<V>(row, channel, count);
  };
  typename V::Register first = input(0);
  typename V::Register second = input(1);
  typename V::Register third = input(2);
  for (int64_t t = 0; t < rows.tokens; ++t) {
    const typename V::Register newest = input(t + 3);
    typename V::Register sum = V::multiply_add(weight[0], first, bias);
    sum = V::multiply_add(weight[1], second, sum);
    sum = V::multiply_add(weight[2], third, sum);
    sum = V::multiply_add(weight[3], newest, sum);
    store_at<V>({rows.outputs[t], rows.stored}, channel, count, silu_of<V>(sum));
    first = second;
    second = third;
    third = newest;
  }
}

template <typename V>
void convolve_rows(const ConvRows& rows) {
  for (int64_t channel = rows.begin; channel < rows.end; channel += V::kLanes) {
    convolve_channels<V>(rows, channel, lanes_at<V>(channel, rows.end));
  }
}

/// x . gate of a few tokens with a few experts: lanes run along the width, and are added up at the
/// end in the same way for any tile.
template <typename V, int kTokens, int kExperts>
struct GateTile {
  typename V::Register sum[kTokens][kExperts];

  void add(const typename V::Register* x, const typename V::Register* gate) {
    for (int t = 0; t < kTokens; ++t) {
      for (int e = 0; e < kExperts; ++e) {
        sum[t][e] = V::multiply_add(x[t], gate[e], sum[t][e]);
      }
    }
  }
};

template <typename V, int kTokens, int kExperts>
void gate_tile(const GateScores& in, int64_t token, int64_t expert) {
  GateTile<V, kTokens, kExperts> tile;
  Elements x[kTokens];
  Elements gates[kExperts];
  for (int t = 0; t < kTokens; ++t) {
    auto* row = const_cast<float*>(in.x + (token + t) * in.width);
    x[t] = {reinterpret_cast<std::byte*>(row), Stored::kF32};
    for (int e = 0; e < kExperts; ++e) {
      gates[e] = {in.gate.data + (expert + e) * in.gate_bytes, in.gate.stored};
      tile.sum[t][e] = V::broadcast(0.0F);
    }
  }
  typename V::Register values[kTokens];
  typename V::Register gate[kExperts];
  int64_t i = 0;
  for (; i + V::kLanes <= in.width; i += V::kLanes) {
    for (int e = 0; e < kExperts; ++e) {
      gate[e] = load_whole<V>(gates[e], i);
    }
    for (int t = 0; t < kTokens; ++t) {
      values[t] = load_whole<V>(x[t], i);
    }
    tile.add(values, gate);
  }
  for (; i < in.width; i += V::kLanes) {
    for (int e = 0; e < kExperts; ++e) {
      gate[e] = load_at<V>(gates[e], i, in.width - i);
    }
    for (int t = 0; t < kTokens; ++t) {
      values[t] = load_at<V>(x[t], i, in.width - i);
    }
    tile.add(values, gate);
  }
  for (int t = 0; t < kTokens; ++t) {
    for (int e = 0; e < kExperts; ++e) {
      in.scores[(token + t) * in.stride + expert + e] = V::sum(tile.sum[t][e]);
    }
  }
}

template <typename V, int kTokens>
void gate_tokens(const GateScores& in, int64_t token) {
  int64_t expert = 0;
  for (; expert + 4 <= in.experts; expert += 4) {
    gate_tile<V, kTokens, 4>(in, token, expert);
  }
  for (; expert < in.experts; ++expert) {
    gate_tile<V, kTokens, 1>(in, token, expert);
  }
  const typename V::Register one = V::broadcast(1.0F);
  for (int t = 0; t < kTokens; ++t) {
    float* scores = in.scores + (token + t) * in.stride;
    const Elements row = {reinterpret_cast<std::byte*>(scores), Stored::kF32};
    for (int64_t e = 0; e < in.experts; e += V::kLanes) {
      const int64_t count = lanes_at<V>(e, in.experts);
      const typename V::Register x = load_at<V>(row, e, count);
      const typename V::Register small = exp_of<V>(V::minus_magnitude(x));
      store_at<V>(row, e, count, V::divide(V::where_negative(x, small, one), V::add(one, small)));
    }
  }
}

template <typename V>
void gate_scores(const GateScores& in) {
  int64_t token = 0;
  for (; token + V::kRowTile <= in.tokens; token += V::kRowTile) {
    gate_tokens<V, V::kRowTile>(in, token);
  }
  for (; token < in.tokens; ++token) {
    gate_tokens<V, 1>(in, token);
  }
}

template <typename V>
constexpr RowKernels row_kernels() {
  return {.norm = norm_row<V>,
          .add_norm = add_norm_row<V>,
          .gated_norm = gated_norm_row<V>,
          .copy = copy_row<V>,
          .relu2 = relu2_row<V>,
          .combine = combine_row<V>,
          .convolve = convolve_rows<V>,
          .gate = gate_scores<V>};
}

}  // namespace dak::cpu
