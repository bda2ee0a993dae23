#pragma once

#include <cstddef>
#include <cstdint>

#include "dakkar/device/device_count.h"
#include "dakkar/tensor/dtype.h"

namespace dak {

/// What a state slot knows of itself, in device memory, one per slot.
///
/// The slot's SSM state is that after token `base - 1`; the tokens `base .. position - 1` are in
/// its replay ring. `base` is a multiple of 16. Only `ops::advance` changes position and base.
struct SlotHeader {
  int32_t position = 0;    ///< tokens the slot's state stands for
  int32_t base = 0;        ///< tokens folded into the stored SSM state
  int32_t last_token = 0;  ///< newest sampled token, the next step's input
  int32_t failed = 0;      ///< non-zero once a kernel met another position than it was told
};

/// The sequences of one step, as device arrays. Rows are grouped by sequence: sequence b owns the
/// token rows `query_start[b] .. query_start[b + 1] - 1`, which are its positions from
/// `position[b]` on. Sequences `0 .. decodes - 1` decode (recurrence), the others prefill (chunks).
struct SequenceTable {
  DeviceCount sequences;                 ///< B
  DeviceCount decodes;                   ///< how many of them, the first ones, decode
  const int32_t* query_start = nullptr;  ///< [B + 1]
  const int32_t* position = nullptr;     ///< [B] first new token's absolute position
  const int32_t* slot = nullptr;         ///< [B] index into `headers`
  SlotHeader* headers = nullptr;         ///< [slots]
};

/// What a step does with the f32 carry of a prefilling sequence. A sequence that prefills in one
/// step needs none.
enum class CarryUse : int32_t {
  kNone = 0,       ///< from the slot's state to the slot's state
  kRead = 1,       ///< the prompt's last step: from the carry, rounded into the slot
  kWrite = 2,      ///< its first one: from the slot's state, if any, to the carry
  kReadWrite = 3,  ///< between them
};

[[nodiscard]] constexpr bool reads_carry(CarryUse use) {
  return use == CarryUse::kRead || use == CarryUse::kReadWrite;
}
[[nodiscard]] constexpr bool writes_carry(CarryUse use) {
  return use == CarryUse::kWrite || use == CarryUse::kReadWrite;
}

/// Where the step's prefilling sequences keep their state in f32 between steps, if slots are
/// narrower: `arena + offsets[b * layers + layer]`, laid out by `mamba_carry_layout`.
struct MambaCarry {
  const int64_t* offsets = nullptr;  ///< [B, layers] bytes; looked at where `use` is not kNone
  const CarryUse* use = nullptr;     ///< [B]; null: no sequence has a carry
};

/// Where the per-sequence state of one Mamba layer lies: `arena + offsets[b * layers + layer]`.
///
/// A layer's block holds, in this order and each aligned to 256 bytes: the SSM state [nh, P, N] in
/// the stored dtype; the ring of conv outputs x and B [R, nh*P + G*N] in the activation dtype,
/// token p in row p % R; the ring of time steps f32 [R, nh]; the conv window [W, C] in the
/// activation dtype, token p's pre-conv input in row p % W. `mamba_state_layout` computes the
/// places.
struct MambaState {
  std::byte* arena = nullptr;
  const int64_t* offsets = nullptr;  ///< [B, layers] bytes
  int64_t layers = 0;                ///< row length of `offsets`
  int64_t layer = 0;                 ///< this layer's column, the same on every rank
  MambaCarry carry = {};             ///< absent when slots are f32
};

/// Sizes that fix a Mamba layer's state block.
struct MambaDims {
  int64_t heads = 0;     ///< nh of this rank
  int64_t head_dim = 0;  ///< P
  int64_t groups = 0;    ///< G of this rank
  int64_t state = 0;     ///< N
  int64_t ring = 0;      ///< R, at least 16 + the most tokens one decode step adds
  int64_t window = 0;    ///< W, conv width - 1 + drafts
  DType activation = DType::kBF16;
  DType stored = DType::kF32;  ///< of the slot's SSM state: f32, or f16 rounded stochastically

  [[nodiscard]] int64_t inner() const { return heads * head_dim; }
  [[nodiscard]] int64_t channels() const { return inner() + 2 * groups * state; }
};

/// Byte places inside one layer's state block.
struct MambaStateLayout {
  int64_t ssm = 0;
  int64_t ring_xb = 0;
  int64_t ring_dt = 0;
  int64_t conv = 0;
  int64_t bytes = 0;  ///< whole block, a multiple of 256
};

/// Lays out a state block of those sizes.
[[nodiscard]] MambaStateLayout mamba_state_layout(const MambaDims& dims);

/// Byte places inside one layer's carry: the SSM state f32 [nh, P, N] at the slot's base, then room
/// for a conv window as in the slot. While a sequence prefills its window is the slot's; with both,
/// a carry at a multiple of 128 is all that a prefix needs to be taken up again.
struct MambaCarryLayout {
  int64_t ssm = 0;
  int64_t conv = 0;
  int64_t bytes = 0;  ///< whole block, a multiple of 256
};

/// Lays out a carry of those sizes.
[[nodiscard]] MambaCarryLayout mamba_carry_layout(const MambaDims& dims);

/// Tokens between two flushes of the replay ring into the stored state.
inline constexpr int64_t kRingFlushTokens = 16;
/// Tokens of an SSD chunk and of a KV page; prefill cuts at multiples of it are bitwise neutral.
inline constexpr int64_t kChunkTokens = 128;

/// The base a decode step leaves: 16 further once the ring, before the step, holds 16 tokens.
[[nodiscard]] constexpr int64_t base_after_decode(int64_t base, int64_t position) {
  return position - base >= kRingFlushTokens ? base + kRingFlushTokens : base;
}

/// The base a prefill up to `end` leaves: the last multiple of 16 at or below it.
[[nodiscard]] constexpr int64_t base_after_prefill(int64_t base, int64_t end) {
  const int64_t floor = end / kRingFlushTokens * kRingFlushTokens;
  return floor > base ? floor : base;
}

/// The KV cache of one attention layer: pages of 128 tokens, `arena + page_table[b * max_pages +
/// i]`.
///
/// Inside a page, at `layer_offset`: K [128, Hkv, D], then V [128, Hkv, D], in `dtype`. Where ranks
/// share a KV head, each stores other tokens: part i of c holds K and V of the page's tokens
/// i * 128/c .. (i + 1) * 128/c - 1 only, [128/c, Hkv, D] each.
struct PagedKv {
  std::byte* arena = nullptr;
  const int64_t* page_table = nullptr;  ///< [B, max_pages] bytes
  int64_t max_pages = 0;
  int64_t layer_offset = 0;  ///< bytes
  DType dtype = DType::kBF16;
  float k_scale = 1.0F;  ///< e4m3 stores k / k_scale; 1 for other dtypes
  float v_scale = 1.0F;
  int64_t parts = 1;  ///< c, divides 128
  int64_t part = 0;   ///< this rank's
};

}  // namespace dak
