#include "dakkar/device/cpu/ssm_part.h"
#include "dakkar/device/row_access.h"

namespace dak::cpu {
namespace {

/// What the heads of the part share.
struct RingInputs {
  int64_t tokens = 0;
  int64_t fold = 0;
  int64_t padded = 0;
  std::span<const std::byte*> rows;  ///< [tokens]
  std::span<const float*> steps;     ///< [tokens] time steps of all heads
  std::span<float> b;                ///< [tokens, N]
  std::span<float> c;                ///< [new tokens, N]
  std::span<float> products;         ///< [new tokens, padded]
};

RingInputs read_ring(const ScanPart& part) {
  const SsmSequence& seq = part.seq;
  const int64_t width = part.dims().state;
  RingInputs in;
  in.tokens = seq.end() - seq.base;
  in.fold = base_after_decode(seq.base, seq.position) - seq.base;
  in.padded = (in.tokens + kRingStep - 1) / kRingStep * kRingStep;
  in.rows = part.scratch.take<const std::byte*>(in.tokens);
  in.steps = part.scratch.take<const float*>(in.tokens);
  in.b = part.scratch.take<float>(in.tokens * width);
  in.c = part.scratch.take<float>(seq.tokens * width);
  in.products = part.scratch.take<float>(seq.tokens * in.padded);
  for (int64_t i = 0; i < in.tokens; ++i) {
    in.rows[static_cast<size_t>(i)] = part.row(seq.base + i);
    in.steps[static_cast<size_t>(i)] = part.steps_of(seq.base + i);
    part.widen(seq.base + i, part.b_column(), width, in.b.data() + i * width);
  }
  for (int64_t t = 0; t < seq.tokens; ++t) {
    part.widen(seq.position + t, part.c_column(), width, in.c.data() + t * width);
  }
  part.kernels.rings.multiply({.tokens = in.tokens,
                               .outputs = seq.tokens,
                               .columns = width,
                               .b = in.b.data(),
                               .c = in.c.data(),
                               .to = in.products.data()});
  return in;
}

/// What does not differ between the part's heads, scratch that they share included.
RingHead shared_head(const ScanPart& part, const RingInputs& in) {
  const SsmSequence& seq = part.seq;
  const MambaDims& dims = part.dims();
  RingHead head;
  head.kept = dims.stored == DType::kF16 ? StateRow::kF16 : StateRow::kF32;
  head.fresh = seq.base == 0;
  head.rows = dims.head_dim;
  head.columns = dims.state;
  head.tokens = in.tokens;
  head.fold = in.fold;
  head.first_new = seq.position - seq.base;
  head.x = in.rows.data();
  head.x_stored = part.stored();
  head.b = in.b.data();
  head.c = in.c.data();
  head.products = in.products.data();
  head.y_stride = seq.args.y.stride(0) * size_of(seq.args.y.dtype);
  head.y_stored = seq.args.y.dtype == DType::kBF16 ? Stored::kBF16 : Stored::kF32;
  head.weights = part.scratch.take<float>(in.padded).data();
  head.wide = part.scratch.take<float>(4 * dims.state).data();
  head.lanes = part.scratch.take<float>(16 * dims.head_dim).data();
  return head;
}

/// Makes `head` the part's head `h`.
void point_at(RingHead& head, int64_t h, const ScanPart& part, const RingInputs& in) {
  const SsmSequence& seq = part.seq;
  const MambaDims& dims = part.dims();
  const std::span<float> steps = part.scratch.take<float>(in.padded);
  std::fill(steps.begin(), steps.end(), 0.0F);
  for (size_t i = 0; i < in.steps.size(); ++i) {
    steps[i] = in.steps[i][h];
  }
  const int64_t row = h * dims.head_dim;
  head.steps = steps.data();
  head.decays = part.scratch.take<float>(in.padded).data();
  head.folded = part.scratch.take<float>(in.fold * dims.head_dim).data();
  head.read = part.scratch.take<float>(seq.tokens * dims.head_dim).data();
  head.state = seq.state + row * dims.state * size_of(dims.stored);
  head.name = row_name(seq, row, seq.base + in.fold);
  head.x_place = row * size_of(dims.activation);
  head.a = seq.args.a.as<float>()[h];
  head.d = seq.args.d.as<float>()[h];
  head.y = row_address(seq.args.y, seq.first_row) + row * size_of(seq.args.y.dtype);
}

}  // namespace

void decode_part(const ScanPart& part) {
  part.fill_steps();
  const RingInputs in = read_ring(part);
  check(in.tokens - in.fold <= part.dims().ring, "ssm_scan: the ring is too small for this step");
  const RingHead shared = shared_head(part, in);
  const std::span<RingHead> heads = part.scratch.take<RingHead>(part.heads);
  for (int64_t i = 0; i < part.heads; ++i) {
    RingHead& head = heads[static_cast<size_t>(i)];
    head = shared;
    point_at(head, part.first_head + i, part, in);
  }
  part.kernels.rings.scan(heads.data(), part.heads);
}

}  // namespace dak::cpu
