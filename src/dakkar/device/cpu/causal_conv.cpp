#include <algorithm>
#include <array>
#include <cstring>

#include "dakkar/device/cpu/row_ops.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Tokens whose rows are walked together, channel by channel: as many pages of memory as the
/// processor can keep track of.
constexpr int64_t kTogether = 32;
/// Channels times tokens below which sharing the work out costs more than it saves.
constexpr int64_t kWorthSharing = 16 * 1024;
/// Channels that fill whole cache lines.
constexpr int64_t kChannelStep = 64;

/// One sequence's rows and window.
struct ConvSequence {
  const CausalConvArgs& args;
  int64_t first_row = 0;
  int64_t tokens = 0;
  int64_t position = 0;
  std::byte* window = nullptr;  ///< [W, C]

  [[nodiscard]] int64_t row_bytes() const {
    return args.dims.channels() * size_of(args.dims.activation);
  }
  /// The pre-conv input of absolute position `p`: new, from the window, or null before the start.
  [[nodiscard]] const std::byte* input(int64_t p) const {
    if (p < 0) {
      return nullptr;
    }
    return p < position ? window + p % args.dims.window * row_bytes()
                        : row_address(args.xbc, first_row + p - position);
  }
};

ConvSequence sequence_of(const CausalConvArgs& args, int64_t b) {
  const SequenceTable& table = args.table;
  const int64_t offset = args.state.offsets[b * args.state.layers + args.state.layer];
  return {.args = args,
          .first_row = table.query_start[b],
          .tokens = table.query_start[b + 1] - table.query_start[b],
          .position = table.position[b],
          .window = args.state.arena + offset + mamba_state_layout(args.dims).conv};
}

void convolve(const ConvSequence& seq, const RowKernels& kernels, const WorkRange& channels) {
  std::array<const std::byte*, kTogether + kConvTaps - 1> inputs{};
  std::array<std::byte*, kTogether> outputs{};
  for (int64_t begin = 0; begin < seq.tokens; begin += kTogether) {
    const int64_t tokens = std::min(kTogether, seq.tokens - begin);
    for (int64_t i = 0; i < tokens + kConvTaps - 1; ++i) {
      inputs[static_cast<size_t>(i)] = seq.input(seq.position + begin + i - (kConvTaps - 1));
    }
    for (int64_t t = 0; t < tokens; ++t) {
      outputs[static_cast<size_t>(t)] = row_address(seq.args.out, seq.first_row + begin + t);
    }
    kernels.convolve(
        {.inputs = inputs.data(),
         .outputs = outputs.data(),
         .stored = seq.args.dims.activation == DType::kBF16 ? Stored::kBF16 : Stored::kF32,
         .tokens = tokens,
         .weight = seq.args.weight.as<float>(),
         .bias = seq.args.bias.as<float>(),
         .begin = channels.begin,
         .end = channels.end});
  }
}

void update_window(const ConvSequence& seq, const WorkRange& channels) {
  const int64_t element = size_of(seq.args.dims.activation);
  const int64_t kept = std::min(seq.tokens, seq.args.dims.window);
  for (int64_t t = seq.tokens - kept; t < seq.tokens; ++t) {
    const int64_t row = (seq.position + t) % seq.args.dims.window;
    std::memcpy(seq.window + row * seq.row_bytes() + channels.begin * element,
                row_address(seq.args.xbc, seq.first_row + t) + channels.begin * element,
                static_cast<size_t>((channels.end - channels.begin) * element));
  }
}

}  // namespace

bool is_vectorised(const CausalConvArgs& args) {
  const DType dtype = args.dims.activation;
  return args.weight.dim(1) == kConvTaps && (dtype == DType::kBF16 || dtype == DType::kF32);
}

template <const RowKernels& kKernels>
void causal_conv(WorkerTeam& team, const CausalConvArgs& args) {
  const SequenceTable& table = args.table;
  const int64_t sequences = table.sequences.read();
  const int64_t tokens = std::max<int64_t>(1, table.query_start[sequences]);
  const int64_t grain = (kWorthSharing / tokens + kChannelStep) / kChannelStep * kChannelStep;
  const auto work = [&](WorkRange channels, Scratch&) {
    for (int64_t b = 0; b < sequences; ++b) {
      const ConvSequence seq = sequence_of(args, b);
      convolve(seq, kKernels, channels);
      update_window(seq, channels);
    }
  };
  team.for_ranges({.total = args.dims.channels(), .grain = grain}, work);
}

template void causal_conv<kRowsAvx2>(WorkerTeam& team, const CausalConvArgs& args);
template void causal_conv<kRowsAvx512>(WorkerTeam& team, const CausalConvArgs& args);

}  // namespace dak::cpu
