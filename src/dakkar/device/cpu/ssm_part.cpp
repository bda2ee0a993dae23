#include "dakkar/device/cpu/ssm_part.h"

#include <algorithm>

#include "dakkar/device/row_access.h"

namespace dak::cpu {

RowName row_name(const SsmSequence& seq, int64_t row, int64_t position) {
  const StateRounding& rounding = seq.args.rounding;
  return {.seed = rounding.seed,
          .layer = static_cast<uint32_t>(seq.args.state.layer),
          .position = static_cast<uint32_t>(position),
          .row = static_cast<uint32_t>(rounding.first_head * seq.args.dims.head_dim + row)};
}

const std::byte* ScanPart::row(int64_t p) const {
  if (p >= seq.position) {
    return row_address(seq.args.xbc, seq.first_row + p - seq.position);
  }
  const int64_t columns = dims().inner() + dims().groups * dims().state;
  return seq.ring_xb + p % dims().ring * columns * size_of(dims().activation);
}

const float* ScanPart::steps_of(int64_t p) const {
  return p >= seq.position ? steps + (seq.first_row + p - seq.position) * dims().heads
                           : seq.ring_dt + p % dims().ring * dims().heads;
}

void ScanPart::widen(int64_t p, int64_t column, int64_t count, float* to) const {
  auto* from = const_cast<std::byte*>(row(p)) + column * size_of(dims().activation);
  kernels.rows.copy({.x = {from, stored()},
                     .out = {reinterpret_cast<std::byte*>(to), Stored::kF32},
                     .width = count});
}

void ScanPart::fill_steps() const {
  for (int64_t t = seq.first_row; t < seq.first_row + seq.tokens; ++t) {
    load_time_steps(seq.args, t, first_head,
                    {steps + t * dims().heads + first_head, static_cast<size_t>(heads)});
  }
}

void ScanPart::store_head(int64_t head, int64_t position, const float* state) const {
  const int64_t width = dims().state;
  for (int64_t p = 0; p < dims().head_dim; ++p) {
    const int64_t row = head * dims().head_dim + p;
    const float* from = state + p * width;
    if (writes_carry(seq.use) || dims().stored == DType::kF32) {
      store_state(seq, row, position, {from, static_cast<size_t>(width)});
      continue;
    }
    kernels.rings.round({.name = row_name(seq, row, position),
                         .from = from,
                         .count = width,
                         .to = reinterpret_cast<uint16_t*>(seq.state) + row * width});
  }
}

}  // namespace dak::cpu
