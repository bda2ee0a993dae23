#include <algorithm>
#include <cmath>

#include "dakkar/device/row_access.h"
#include "dakkar/device/ssm_sequence.h"

namespace dak {
namespace {

/// Chunked form of one sequence's scan (spec/model.md 2.2), one head after another.
///
/// What a token gets depends on the chunk's tokens up to it alone, and the state handed to the next
/// chunk is the one a cut there would store: cuts at multiples of 128 change no bit.
class ChunkScan {
 public:
  explicit ChunkScan(const SsmSequence& seq)
      : seq_(seq), dims_(seq.args.dims), state_(static_cast<size_t>(dims_.inner() * dims_.state)) {
    if (seq_.base > 0) {
      read_state();
    }
  }

  /// Outputs of the chunk's new tokens; then moves the state to position `stop`.
  void run(const SsmInputs& in, int64_t stop) {
    in_ = &in;
    y_.assign(static_cast<size_t>(in.count * dims_.inner()), 0.0F);
    const int64_t heads_per_group = dims_.heads / dims_.groups;
    for (int64_t h = 0; h < dims_.heads; ++h) {
      if (h % heads_per_group == 0) {
        compute_scores(h / heads_per_group);
      }
      compute_decays(h);
      for (int64_t t = std::max<int64_t>(0, seq_.position - in.begin); t < in.count; ++t) {
        compute_output(h, t);
      }
      move_state(h, stop - in.begin);
    }
    store_outputs();
  }

  /// Leaves the state, which is that after `position` tokens, where the next step looks for it.
  void leave_state(int64_t position) {
    std::vector<float> row(static_cast<size_t>(dims_.state));
    for (int64_t i = 0; i < dims_.inner(); ++i) {
      for (int64_t n = 0; n < dims_.state; ++n) {
        row[static_cast<size_t>(n)] = state_of(i / dims_.head_dim, n)[i % dims_.head_dim];
      }
      store_state(seq_, i, position, row);
    }
  }

 private:
  /// Takes up the state at the base, [nh, P, N], as our [nh, N, P].
  void read_state() {
    std::vector<float> row(static_cast<size_t>(dims_.state));
    for (int64_t i = 0; i < dims_.inner(); ++i) {
      load_state(seq_, i, row);
      for (int64_t n = 0; n < dims_.state; ++n) {
        state_of(i / dims_.head_dim, n)[i % dims_.head_dim] = row[static_cast<size_t>(n)];
      }
    }
  }

  float* state_of(int64_t h, int64_t n) {
    return state_.data() + (h * dims_.state + n) * dims_.head_dim;
  }
  [[nodiscard]] const float* shared(const std::vector<float>& from, int64_t t, int64_t g) const {
    return from.data() + (t * dims_.groups + g) * dims_.state;
  }
  [[nodiscard]] const float* input(int64_t h, int64_t t) const {
    return in_->x.data() + t * dims_.inner() + h * dims_.head_dim;
  }
  [[nodiscard]] float step_of(int64_t h, int64_t t) const {
    return in_->dt[static_cast<size_t>(t * dims_.heads + h)];
  }

  /// scores[t, s] = C_t . B_s for s <= t.
  void compute_scores(int64_t g) {
    const int64_t count = in_->count;
    std::vector<float> b_by_state(static_cast<size_t>(dims_.state * count));
    for (int64_t s = 0; s < count; ++s) {
      const float* b = shared(in_->b, s, g);
      for (int64_t n = 0; n < dims_.state; ++n) {
        b_by_state[static_cast<size_t>(n * count + s)] = b[n];
      }
    }
    scores_.assign(static_cast<size_t>(count * count), 0.0F);
    for (int64_t t = 0; t < count; ++t) {
      float* scores = scores_.data() + t * count;
      const float* c = shared(in_->c, t, g);
      for (int64_t n = 0; n < dims_.state; ++n) {
        const float* b = b_by_state.data() + n * count;
        for (int64_t s = 0; s <= t; ++s) {
          scores[s] += c[n] * b[s];
        }
      }
    }
  }

  /// decays[t] = sum of dt * A over the chunk's tokens up to t.
  void compute_decays(int64_t h) {
    decays_.resize(static_cast<size_t>(in_->count));
    float sum = 0.0F;
    for (int64_t t = 0; t < in_->count; ++t) {
      sum += step_of(h, t) * seq_.args.a.as<float>()[h];
      decays_[static_cast<size_t>(t)] = sum;
    }
  }
  [[nodiscard]] float decay(int64_t t) const { return decays_[static_cast<size_t>(t)]; }

  void compute_output(int64_t h, int64_t t) {
    const int64_t width = dims_.head_dim;
    float* y = y_.data() + t * dims_.inner() + h * width;
    const float* c = shared(in_->c, t, h / (dims_.heads / dims_.groups));
    for (int64_t n = 0; n < dims_.state; ++n) {
      const float* state = state_of(h, n);
      for (int64_t p = 0; p < width; ++p) {
        y[p] += state[p] * c[n];
      }
    }
    const float carried = std::exp(decay(t));
    for (int64_t p = 0; p < width; ++p) {
      y[p] *= carried;
    }
    const float* scores = scores_.data() + t * in_->count;
    for (int64_t s = 0; s <= t; ++s) {
      const float weight = scores[s] * std::exp(decay(t) - decay(s)) * step_of(h, s);
      const float* x = input(h, s);
      for (int64_t p = 0; p < width; ++p) {
        y[p] += weight * x[p];
      }
    }
    const float direct = seq_.args.d.as<float>()[h];
    const float* x = input(h, t);
    for (int64_t p = 0; p < width; ++p) {
      y[p] += direct * x[p];
    }
  }

  /// Moves head h's state past the chunk's first `count` tokens.
  void move_state(int64_t h, int64_t count) {
    if (count == 0) {
      return;
    }
    const int64_t g = h / (dims_.heads / dims_.groups);
    const float last = decay(count - 1);
    const float carried = std::exp(last);
    float* state = state_of(h, 0);
    for (int64_t i = 0; i < dims_.state * dims_.head_dim; ++i) {
      state[i] *= carried;
    }
    for (int64_t s = 0; s < count; ++s) {
      const float weight = std::exp(last - decay(s)) * step_of(h, s);
      const float* b = shared(in_->b, s, g);
      const float* x = input(h, s);
      for (int64_t n = 0; n < dims_.state; ++n) {
        const float scaled = weight * b[n];
        float* row = state_of(h, n);
        for (int64_t p = 0; p < dims_.head_dim; ++p) {
          row[p] += scaled * x[p];
        }
      }
    }
  }

  void store_outputs() {
    const auto inner = static_cast<size_t>(dims_.inner());
    for (int64_t t = std::max<int64_t>(0, seq_.position - in_->begin); t < in_->count; ++t) {
      store_row(std::span(y_).subspan(static_cast<size_t>(t) * inner, inner), seq_.args.y,
                seq_.first_row + in_->begin + t - seq_.position);
    }
  }

  const SsmSequence& seq_;
  const MambaDims& dims_;
  const SsmInputs* in_ = nullptr;
  std::vector<float> state_;   ///< [nh, N, P]
  std::vector<float> scores_;  ///< [count, count]
  std::vector<float> decays_;  ///< [count]
  std::vector<float> y_;       ///< [count, nh, P]
};

}  // namespace

void scan_prefill(const SsmSequence& seq) {
  const int64_t stored = base_after_prefill(seq.base, seq.end());
  check(seq.end() - stored <= seq.args.dims.ring, "ssm_scan: the ring is too small for the rest");
  ChunkScan scan(seq);
  for (int64_t begin = seq.base; begin < seq.end();) {
    const int64_t stop = std::min(seq.end(), (begin / kChunkTokens + 1) * kChunkTokens);
    const SsmInputs in = read_inputs(seq, begin, stop);
    scan.run(in, std::min(stop, stored));
    begin = stop;
  }
  // A base that stays may still have to move between slot and carry.
  if (stored > seq.base || (seq.base > 0 && seq.use != CarryUse::kNone)) {
    scan.leave_state(stored);
  }
  write_ring(seq, stored);
}

}  // namespace dak
