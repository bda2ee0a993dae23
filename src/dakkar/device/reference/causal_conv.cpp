#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"

namespace dak::reference {
namespace {

/// One sequence's rows, positions and window.
struct ConvSequence {
  const CausalConvArgs& args;
  int64_t first_row = 0;
  int64_t tokens = 0;
  int64_t position = 0;
  TensorView window;  ///< [W, C]
};

ConvSequence sequence_of(const CausalConvArgs& args, int64_t b) {
  const SequenceTable& table = args.table;
  const int64_t offset = args.state.offsets[b * args.state.layers + args.state.layer];
  std::byte* window = args.state.arena + offset + mamba_state_layout(args.dims).conv;
  return {.args = args,
          .first_row = table.query_start[b],
          .tokens = table.query_start[b + 1] - table.query_start[b],
          .position = table.position[b],
          .window = TensorView::dense(window, args.dims.activation,
                                      {args.dims.window, args.dims.channels()})};
}

/// The pre-conv input of absolute position `p`: new, from the window, or zero before the start.
void load_input(const ConvSequence& seq, int64_t p, std::span<float> to) {
  if (p < 0) {
    std::fill(to.begin(), to.end(), 0.0F);
  } else if (p < seq.position) {
    load_row(seq.window, p % seq.args.dims.window, to);
  } else {
    load_row(seq.args.xbc, seq.first_row + p - seq.position, to);
  }
}

void convolve(const ConvSequence& seq) {
  const auto channels = static_cast<size_t>(seq.args.dims.channels());
  const int64_t width = seq.args.weight.dim(1);
  const auto* weight = seq.args.weight.as<float>();
  const auto* bias = seq.args.bias.as<float>();
  std::vector<float> inputs(static_cast<size_t>(seq.tokens + width - 1) * channels);
  for (int64_t i = 0; i < seq.tokens + width - 1; ++i) {
    load_input(seq, seq.position - (width - 1) + i,
               std::span(inputs).subspan(static_cast<size_t>(i) * channels, channels));
  }
  std::vector<float> sum(channels);
  for (int64_t t = 0; t < seq.tokens; ++t) {
    std::copy(bias, bias + channels, sum.begin());
    for (int64_t j = 0; j < width; ++j) {
      const float* input = inputs.data() + static_cast<size_t>(t + j) * channels;
      for (size_t c = 0; c < channels; ++c) {
        sum[c] += weight[c * static_cast<size_t>(width) + static_cast<size_t>(j)] * input[c];
      }
    }
    for (float& value : sum) {
      value = value / (1.0F + std::exp(-value));
    }
    store_row(sum, seq.args.out, seq.first_row + t);
  }
}

void update_window(const ConvSequence& seq) {
  const int64_t bytes = seq.args.dims.channels() * size_of(seq.args.dims.activation);
  const int64_t kept = std::min(seq.tokens, seq.args.dims.window);
  for (int64_t t = seq.tokens - kept; t < seq.tokens; ++t) {
    std::memcpy(row_address(seq.window, (seq.position + t) % seq.args.dims.window),
                row_address(seq.args.xbc, seq.first_row + t), static_cast<size_t>(bytes));
  }
}

}  // namespace

void causal_conv(const CausalConvArgs& args) {
  for (int64_t b = 0; b < args.table.sequences.read(); ++b) {
    const ConvSequence seq = sequence_of(args, b);
    convolve(seq);
    update_window(seq);
  }
}

}  // namespace dak::reference
