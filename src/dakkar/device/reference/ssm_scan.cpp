#include <array>
#include <cmath>

#include "dakkar/device/reference/kernels.h"
#include "dakkar/device/row_access.h"
#include "dakkar/device/ssm_sequence.h"

namespace dak {
namespace {

constexpr size_t kLanes = 8;

/// Sum of s[n] * c[n], in eight interleaved partial sums joined at the end.
float dot(std::span<const float> s, const float* c) {
  std::array<float, kLanes> sums{};
  size_t n = 0;
  for (; n + kLanes <= s.size(); n += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      sums[lane] += s[n + lane] * c[n + lane];
    }
  }
  for (; n < s.size(); ++n) {
    sums[n % kLanes] += s[n] * c[n];
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/// The pass over one row (head h, channel p) of the state, which lives in `s` [N].
class RowPass {
 public:
  RowPass(const SsmSequence& seq, const SsmInputs& in) : seq_(seq), in_(in) {}

  /// Runs all tokens; stores the state after `fold` of them if any; outputs go to `y` [tokens,
  /// inner].
  void run(int64_t h, int64_t p, int64_t fold, std::vector<float>& y) {
    const MambaDims& dims = seq_.args.dims;
    const int64_t channel = h * dims.head_dim + p;
    const int64_t group = h / (dims.heads / dims.groups);
    s_.resize(static_cast<size_t>(dims.state));
    load_state(seq_, channel, s_);
    for (int64_t i = 0; i < in_.count; ++i) {
      const int64_t shared = (i * dims.groups + group) * dims.state;
      const float x = in_.x[static_cast<size_t>(i * dims.inner() + channel)];
      step(h, i, x, in_.b.data() + shared);
      if (i + 1 == fold) {
        store_state(seq_, channel, seq_.base + fold, s_);
      }
      const int64_t token = in_.begin + i - seq_.position;
      if (token >= 0) {
        y[static_cast<size_t>(token * dims.inner() + channel)] =
            dot(s_, in_.c.data() + shared) + seq_.args.d.as<float>()[h] * x;
      }
    }
  }

 private:
  void step(int64_t h, int64_t i, float x, const float* b) {
    const float dt = in_.dt[static_cast<size_t>(i * seq_.args.dims.heads + h)];
    const float decay = std::exp(dt * seq_.args.a.as<float>()[h]);
    const float input = dt * x;
    for (size_t n = 0; n < s_.size(); ++n) {
      s_[n] = decay * s_[n] + input * b[n];
    }
  }

  const SsmSequence& seq_;
  const SsmInputs& in_;
  std::vector<float> s_;
};

}  // namespace

void scan_decode(const SsmSequence& seq) {
  const MambaDims& dims = seq.args.dims;
  const int64_t fold = base_after_decode(seq.base, seq.position) - seq.base;
  check(seq.end() - seq.base - fold <= dims.ring, "ssm_scan: the ring is too small for this step");
  const SsmInputs in = read_inputs(seq, seq.base, seq.end());
  const auto inner = static_cast<size_t>(dims.inner());
  std::vector<float> y(static_cast<size_t>(seq.tokens) * inner);
  RowPass pass(seq, in);
  for (int64_t h = 0; h < dims.heads; ++h) {
    for (int64_t p = 0; p < dims.head_dim; ++p) {
      pass.run(h, p, fold, y);
    }
  }
  for (int64_t t = 0; t < seq.tokens; ++t) {
    store_row(std::span(y).subspan(static_cast<size_t>(t) * inner, inner), seq.args.y,
              seq.first_row + t);
  }
  write_ring(seq, seq.position);
}

void reference::ssm_scan(const SsmScanArgs& args) {
  scan_sequences(args);
}

}  // namespace dak
