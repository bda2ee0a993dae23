#include "dakkar/device/cpu/ssm_scan.h"

#include <algorithm>
#include <cmath>
#include <vector>

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
        // A row even without new tokens: heads are places in it.
        y_(static_cast<size_t>(std::max<int64_t>(1, seq.tokens) * seq.args.dims.inner())) {}

  [[nodiscard]] HeadReplay head(int64_t h, int64_t fold) {
    const MambaDims& dims = seq_.args.dims;
    const float a = seq_.args.a.as<float>()[h];
    for (size_t i = 0; i < step_.size(); ++i) {
      step_[i] = in_.dt[i * static_cast<size_t>(dims.heads) + static_cast<size_t>(h)];
      decay_[i] = std::exp(step_[i] * a);
    }
    const int64_t heads_per_group = dims.heads / dims.groups;
    gather(in_.x, h, dims.head_dim, x_);
    if (h % heads_per_group == 0) {
      gather(in_.b, h / heads_per_group, dims.state, b_);
      gather(in_.c, h / heads_per_group, dims.state, c_);
    }
    return {.state = reinterpret_cast<float*>(seq_.state) + h * dims.head_dim * dims.state,
            .rows = dims.head_dim,
            .columns = dims.state,
            .fresh = seq_.base == 0,
            .tokens = in_.count,
            .fold = fold,
            .first_new = seq_.position - seq_.base,
            .decay = decay_.data(),
            .step = step_.data(),
            .x = x_.data(),
            .b = b_.data(),
            .c = c_.data(),
            .d = seq_.args.d.as<float>()[h],
            .y = y_.data() + h * dims.head_dim,
            .y_stride = dims.inner()};
  }

  void store_outputs() const {
    const auto inner = static_cast<size_t>(seq_.args.dims.inner());
    for (int64_t t = 0; t < seq_.tokens; ++t) {
      store_row(std::span(y_).subspan(static_cast<size_t>(t) * inner, inner), seq_.args.y,
                seq_.first_row + t);
    }
  }

 private:
  /// Part `index` of each token's row, side by side: rows that are a multiple of 4 KB apart would
  /// push each other out of the first cache.
  void gather(const std::vector<float>& from, int64_t index, int64_t width,
              std::vector<float>& to) const {
    to.resize(static_cast<size_t>(in_.count * width));
    const int64_t stride = static_cast<int64_t>(from.size()) / std::max<int64_t>(1, in_.count);
    for (int64_t i = 0; i < in_.count; ++i) {
      std::copy_n(from.data() + i * stride + index * width, width, to.data() + i * width);
    }
  }

  const SsmSequence& seq_;
  SsmInputs in_;
  std::vector<float> decay_;
  std::vector<float> step_;
  std::vector<float> x_;  ///< as `HeadReplay` wants them
  std::vector<float> b_;
  std::vector<float> c_;
  std::vector<float> y_;  ///< [new tokens, inner]
};

template <void (*kReplay)(const HeadReplay&)>
void decode(const SsmSequence& seq) {
  const MambaDims& dims = seq.args.dims;
  if (dims.stored != DType::kF32) {
    scan_decode(seq);
    return;
  }
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
