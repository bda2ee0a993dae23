#include "dakkar/device/sequence_table.h"

namespace dak {
namespace {

constexpr int64_t kPlaceAlignment = 256;

int64_t aligned(int64_t bytes) {
  return (bytes + kPlaceAlignment - 1) / kPlaceAlignment * kPlaceAlignment;
}

}  // namespace

MambaStateLayout mamba_state_layout(const MambaDims& dims) {
  const int64_t f32 = size_of(DType::kF32);
  const int64_t activation = size_of(dims.activation);
  MambaStateLayout layout;
  layout.ring_xb = aligned(dims.inner() * dims.state * size_of(dims.stored));
  layout.ring_dt =
      layout.ring_xb + aligned(dims.ring * (dims.inner() + dims.groups * dims.state) * activation);
  layout.conv = layout.ring_dt + aligned(dims.ring * dims.heads * f32);
  layout.bytes = layout.conv + aligned(dims.window * dims.channels() * activation);
  return layout;
}

MambaCarryLayout mamba_carry_layout(const MambaDims& dims) {
  MambaCarryLayout layout;
  layout.conv = aligned(dims.inner() * dims.state * size_of(DType::kF32));
  layout.bytes = layout.conv + aligned(dims.window * dims.channels() * size_of(dims.activation));
  return layout;
}

}  // namespace dak
