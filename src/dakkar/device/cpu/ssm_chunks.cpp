#include <algorithm>

#include "dakkar/device/cpu/ssm_part.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// Scans a part chunk by chunk, its heads' states staying in scratch, as [N, P].
class PartScan {
 public:
  explicit PartScan(const ScanPart& part)
      : part_(part),
        dims_(part.dims()),
        states_(take(part.heads * dims_.state * dims_.head_dim)),
        row_major_(take(dims_.state * dims_.head_dim)),
        b_(take(kMostChunkTokens * dims_.state)),
        c_(take(kMostChunkTokens * dims_.state)),
        turned_(take(kMostChunkTokens * dims_.state)),
        scores_(take(kMostChunkTokens * kMostChunkTokens)),
        x_(take(part.heads * kMostChunkTokens * dims_.head_dim)),
        weighted_(take(kMostChunkTokens * dims_.head_dim)),
        decays_(take(kMostChunkTokens)),
        steps_(take(kMostChunkTokens)),
        weights_(take(8 * kMostChunkTokens)) {}

  void read_states() {
    for (int64_t i = 0; i < part_.heads; ++i) {
      for (int64_t p = 0; p < dims_.head_dim; ++p) {
        load_state(part_.seq, (part_.first_head + i) * dims_.head_dim + p,
                   row_major_.subspan(static_cast<size_t>(p * dims_.state),
                                      static_cast<size_t>(dims_.state)));
      }
      part_.kernels.chunks.turn({.from = row_major_.data(),
                                 .from_stride = dims_.state,
                                 .rows = dims_.head_dim,
                                 .columns = dims_.state,
                                 .to = state_of(i),
                                 .to_stride = dims_.head_dim});
    }
  }

  /// Outputs of the new tokens at `begin .. end - 1`; then moves the states to position `stop`.
  void run(int64_t begin, int64_t end, int64_t stop) {
    const int64_t count = end - begin;
    read_group(begin, count);
    read_inputs(begin, count);
    ChunkHead head = {.group = {.count = count,
                                .states = dims_.state,
                                .b = b_.data(),
                                .c = c_.data(),
                                .turned = turned_.data(),
                                .scores = scores_.data()},
                      .width = dims_.head_dim,
                      .first_new = std::max<int64_t>(0, part_.seq.position - begin),
                      .stop = stop - begin,
                      .decays = decays_.data(),
                      .steps = steps_.data(),
                      .weights = weights_.data(),
                      .weighted = weighted_.data()};
    part_.kernels.chunks.score(head.group);
    const TensorView& y = part_.seq.args.y;
    head.y_stride = y.stride(0) * size_of(y.dtype);
    head.stored = y.dtype == DType::kBF16 ? Stored::kBF16 : Stored::kF32;
    const int64_t first_row = part_.seq.first_row + begin + head.first_new - part_.seq.position;
    for (int64_t i = 0; i < part_.heads; ++i) {
      const int64_t h = part_.first_head + i;
      read_steps(h, begin, count);
      head.x = input_of(i);
      head.d = part_.seq.args.d.as<float>()[h];
      head.state = state_of(i);
      head.y = row_address(y, first_row) + h * dims_.head_dim * size_of(y.dtype);
      part_.kernels.chunks.scan(head);
    }
  }

  /// Leaves the states, which are those after `position` tokens, where the next step looks.
  void leave_states(int64_t position) {
    for (int64_t i = 0; i < part_.heads; ++i) {
      part_.kernels.chunks.turn({.from = state_of(i),
                                 .from_stride = dims_.head_dim,
                                 .rows = dims_.state,
                                 .columns = dims_.head_dim,
                                 .to = row_major_.data(),
                                 .to_stride = dims_.state});
      part_.store_head(part_.first_head + i, position, row_major_.data());
    }
  }

 private:
  std::span<float> take(int64_t count) { return part_.scratch.take<float>(count); }
  float* input_of(int64_t i) { return x_.data() + i * kMostChunkTokens * dims_.head_dim; }
  float* state_of(int64_t i) { return states_.data() + i * dims_.state * dims_.head_dim; }

  /// B and C of a chunk; C only where tokens are new, zeros behind the last token.
  void read_group(int64_t begin, int64_t count) {
    const int64_t width = dims_.state;
    std::fill(b_.begin() + count * width, b_.end(), 0.0F);
    for (int64_t i = 0; i < count; ++i) {
      part_.widen(begin + i, part_.b_column(), width, b_.data() + i * width);
      if (begin + i >= part_.seq.position) {
        part_.widen(begin + i, part_.c_column(), width, c_.data() + i * width);
      } else {
        std::fill_n(c_.begin() + i * width, width, 0.0F);
      }
    }
  }

  /// Inputs of all heads, token by token: a token's heads lie side by side, tokens far apart.
  void read_inputs(int64_t begin, int64_t count) {
    constexpr int64_t kAhead = 4;
    const int64_t width = dims_.head_dim;
    for (int64_t i = 0; i < count; ++i) {
      prefetch_inputs(begin + std::min(i + kAhead, count - 1));
      for (int64_t h = 0; h < part_.heads; ++h) {
        part_.widen(begin + i, (part_.first_head + h) * width, width, input_of(h) + i * width);
      }
    }
  }

  void prefetch_inputs(int64_t p) {
    constexpr int64_t kLine = 64;
    const int64_t bytes = dims_.head_dim * size_of(dims_.activation);
    const std::byte* inputs = part_.row(p) + part_.first_head * bytes;
    for (int64_t at = 0; at < part_.heads * bytes; at += kLine) {
      __builtin_prefetch(inputs + at);
    }
  }

  void read_steps(int64_t h, int64_t begin, int64_t count) {
    const float a = part_.seq.args.a.as<float>()[h];
    float sum = 0.0F;
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      steps_[at] = part_.steps_of(begin + i)[h];
      sum += steps_[at] * a;
      decays_[at] = sum;
    }
    std::fill(steps_.begin() + count, steps_.end(), 0.0F);
    std::fill(decays_.begin() + count, decays_.end(), sum);
  }

  const ScanPart& part_;
  const MambaDims& dims_;
  std::span<float> states_;     ///< [heads, N, P]
  std::span<float> row_major_;  ///< [P, N]
  std::span<float> b_;
  std::span<float> c_;
  std::span<float> turned_;
  std::span<float> scores_;
  std::span<float> x_;  ///< [heads, 128, P]
  std::span<float> weighted_;
  std::span<float> decays_;
  std::span<float> steps_;
  std::span<float> weights_;
};

}  // namespace

void prefill_part(const ScanPart& part) {
  const SsmSequence& seq = part.seq;
  const int64_t kept = base_after_prefill(seq.base, seq.end());
  check(seq.end() - kept <= part.dims().ring, "ssm_scan: the ring is too small for the rest");
  part.fill_steps();
  PartScan scan(part);
  scan.read_states();
  for (int64_t begin = seq.base; begin < seq.end();) {
    const int64_t end = std::min(seq.end(), (begin / kChunkTokens + 1) * kChunkTokens);
    scan.run(begin, end, std::min(end, kept));
    begin = end;
  }
  // A base that stays may still have to move between slot and carry.
  if (kept > seq.base || (seq.base > 0 && seq.use != CarryUse::kNone)) {
    scan.leave_states(kept);
  }
}

}  // namespace dak::cpu
