#include "dakkar/device/cpu/ssm_scan.h"

#include <cmath>

#include "dakkar/device/row_access.h"
#include "dakkar/device/ssm_sequence.h"

namespace dak::cpu {
namespace {

/// What the replay of one head reads, laid out for it.
class HeadReplays {
 public:
  explicit HeadReplays(const SsmSequence& seq)
      : seq_(seq),
        in_(read_inputs(seq, seq.base, seq.end())),
        decay_(static_cast<size_t>(in_.count)),
        step_(static_cast<size_t>(in_.count)),
        y_(static_cast<size_t>(seq.tokens * seq.args.dims.inner())) {}

  [[nodiscard]] HeadReplay head(int64_t h, int64_t fold) {
    const MambaDims& dims = seq_.args.dims;
    const float a = seq_.args.a.as<float>()[h];
    for (size_t i = 0; i < step_.size(); ++i) {
      step_[i] = in_.dt[i * static_cast<size_t>(dims.heads) + static_cast<size_t>(h)];
      decay_[i] = std::exp(step_[i] * a);
    }
    const int64_t shared = h / (dims.heads / dims.groups) * dims.state;
    return {.state = seq_.state + h * dims.head_dim * dims.state,
            .rows = dims.head_dim,
            .columns = dims.state,
            .fresh = seq_.base == 0,
            .tokens = in_.count,
            .fold = fold,
            .first_new = seq_.position - seq_.base,
            .decay = decay_.data(),
            .step = step_.data(),
            .x = in_.x.data() + h * dims.head_dim,
            .x_stride = dims.inner(),
            .b = in_.b.data() + shared,
            .c = in_.c.data() + shared,
            .shared_stride = dims.groups * dims.state,
            .d = seq_.args.d.as<float>()[h],
            .y = y_.data() + h * dims.head_dim};
  }

  void store_outputs() const {
    const auto inner = static_cast<size_t>(seq_.args.dims.inner());
    for (int64_t t = 0; t < seq_.tokens; ++t) {
      store_row(std::span(y_).subspan(static_cast<size_t>(t) * inner, inner), seq_.args.y,
                seq_.first_row + t);
    }
  }

 private:
  const SsmSequence& seq_;
  SsmInputs in_;
  std::vector<float> decay_;
  std::vector<float> step_;
  std::vector<float> y_;  ///< [new tokens, inner]
};

template <void (*kReplay)(const HeadReplay&)>
void decode(const SsmSequence& seq) {
  const MambaDims& dims = seq.args.dims;
  const int64_t fold = base_after_decode(seq.base, seq.position) - seq.base;
  check(seq.end() - seq.base - fold <= dims.ring, "ssm_scan: the ring is too small for this step");
  HeadReplays replays(seq);
  for (int64_t h = 0; h < dims.heads; ++h) {
    kReplay(replays.head(h, fold));
  }
  replays.store_outputs();
  write_ring(seq, seq.position);
}

}  // namespace

template <void (*kReplay)(const HeadReplay&)>
void ssm_scan(const SsmScanArgs& args) {
  scan_sequences(args, decode<kReplay>);
}

template void ssm_scan<replay_head_avx2>(const SsmScanArgs& args);
template void ssm_scan<replay_head_avx512>(const SsmScanArgs& args);

}  // namespace dak::cpu
