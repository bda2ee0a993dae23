#include "dakkar/device/ssm_sequence.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dakkar/device/row_access.h"
#include "dakkar/device/stochastic_rounding.h"

namespace dak {

SsmSequence open_sequence(const SsmScanArgs& args, int64_t b) {
  const SequenceTable& table = args.table;
  const MambaState& state = args.state;
  const MambaStateLayout layout = mamba_state_layout(args.dims);
  const int64_t entry = b * state.layers + state.layer;
  std::byte* block = state.arena + state.offsets[entry];
  const int64_t position = table.position[b];
  SsmSequence seq{.args = args,
                  .first_row = table.query_start[b],
                  .tokens = table.query_start[b + 1] - table.query_start[b],
                  .position = position,
                  .base = position == 0 ? 0 : table.headers[table.slot[b]].base,
                  .state = block + layout.ssm,
                  .ring_xb = block + layout.ring_xb,
                  .ring_dt = reinterpret_cast<float*>(block + layout.ring_dt)};
  if (state.carry.use != nullptr && state.carry.use[b] != CarryUse::kNone) {
    const int64_t place = state.carry.offsets[entry] + mamba_carry_layout(args.dims).ssm;
    seq.use = state.carry.use[b];
    seq.carry = reinterpret_cast<float*>(state.arena + place);
  }
  return seq;
}

bool is_sound(const SsmSequence& seq, int64_t b) {
  const SequenceTable& table = seq.args.table;
  const SlotHeader& header = table.headers[table.slot[b]];
  const int64_t replayed = seq.position - seq.base;
  return header.failed == 0 && seq.base >= 0 && seq.base % kRingFlushTokens == 0 && replayed >= 0 &&
         replayed <= seq.args.dims.ring;
}

void zero_outputs(const SsmSequence& seq) {
  const int64_t bytes = seq.args.dims.inner() * size_of(seq.args.y.dtype);
  for (int64_t t = seq.first_row; t < seq.first_row + seq.tokens; ++t) {
    std::memset(row_address(seq.args.y, t), 0, static_cast<size_t>(bytes));
  }
}

void load_time_steps(const SsmScanArgs& args, int64_t row, int64_t head, std::span<float> to) {
  load_floats(row_address(args.dt, row) + head * size_of(args.dt.dtype), args.dt.dtype, to);
  const auto* bias = args.dt_bias.as<float>() + head;
  for (size_t h = 0; h < to.size(); ++h) {
    const float raw = to[h] + bias[h];
    const float step = raw > 20.0F ? raw : std::log1p(std::exp(raw));
    to[h] = std::min(std::max(step, args.dt_min), args.dt_max);
  }
}

void load_state(const SsmSequence& seq, int64_t row, std::span<float> to) {
  const MambaDims& dims = seq.args.dims;
  const int64_t first = row * dims.state;
  if (seq.base == 0) {
    std::fill(to.begin(), to.end(), 0.0F);
  } else if (reads_carry(seq.use)) {
    std::copy_n(seq.carry + first, to.size(), to.begin());
  } else {
    load_floats(seq.state + first * size_of(dims.stored), dims.stored, to);
  }
}

void store_state(const SsmSequence& seq, int64_t row, int64_t position,
                 std::span<const float> from) {
  const MambaDims& dims = seq.args.dims;
  const int64_t first = row * dims.state;
  if (writes_carry(seq.use)) {
    std::copy(from.begin(), from.end(), seq.carry + first);
  } else if (dims.stored == DType::kF32) {
    std::copy(from.begin(), from.end(), reinterpret_cast<float*>(seq.state) + first);
  } else {
    const StateRounding& rounding = seq.args.rounding;
    round_row({.seed = rounding.seed,
               .layer = seq.args.state.layer,
               .position = position,
               .row = rounding.first_head * dims.head_dim + row},
              from, reinterpret_cast<F16*>(seq.state) + first);
  }
}

SsmInputs read_inputs(const SsmSequence& seq, int64_t begin, int64_t end) {
  const MambaDims& dims = seq.args.dims;
  const auto heads = static_cast<size_t>(dims.heads);
  const auto inner = static_cast<size_t>(dims.inner());
  const auto shared = static_cast<size_t>(dims.groups * dims.state);
  const auto count = static_cast<size_t>(end - begin);
  SsmInputs in;
  in.begin = begin;
  in.count = end - begin;
  in.x.resize(count * inner);
  in.b.resize(count * shared);
  in.c.resize(count * shared);
  in.dt.resize(count * heads);
  const int64_t element = size_of(dims.activation);
  const int64_t ring_bytes = (dims.inner() + dims.groups * dims.state) * element;
  for (size_t i = 0; i < count; ++i) {
    const int64_t p = begin + static_cast<int64_t>(i);
    const bool is_new = p >= seq.position;
    const int64_t row = seq.first_row + p - seq.position;
    const int64_t ring_row = p % dims.ring;
    const std::byte* from =
        is_new ? row_address(seq.args.xbc, row) : seq.ring_xb + ring_row * ring_bytes;
    load_floats(from, dims.activation, std::span(in.x).subspan(i * inner, inner));
    from += dims.inner() * element;
    load_floats(from, dims.activation, std::span(in.b).subspan(i * shared, shared));
    const std::span<float> steps = std::span(in.dt).subspan(i * heads, heads);
    if (is_new) {
      from += dims.groups * dims.state * element;
      load_floats(from, dims.activation, std::span(in.c).subspan(i * shared, shared));
      load_time_steps(seq.args, row, 0, steps);
    } else {
      std::copy_n(seq.ring_dt + ring_row * dims.heads, heads, steps.begin());
    }
  }
  return in;
}

void write_ring(const SsmSequence& seq, int64_t begin) {
  const MambaDims& dims = seq.args.dims;
  const int64_t bytes = (dims.inner() + dims.groups * dims.state) * size_of(dims.activation);
  for (int64_t p = std::max(begin, seq.position); p < seq.end(); ++p) {
    const int64_t row = seq.first_row + p - seq.position;
    std::memcpy(seq.ring_xb + p % dims.ring * bytes, row_address(seq.args.xbc, row),
                static_cast<size_t>(bytes));
    float* steps = seq.ring_dt + p % dims.ring * dims.heads;
    load_time_steps(seq.args, row, 0, {steps, static_cast<size_t>(dims.heads)});
  }
}

void scan_sequences(const SsmScanArgs& args) {
  for (int64_t b = 0; b < args.table.sequences.read(); ++b) {
    const SsmSequence seq = open_sequence(args, b);
    if (!is_sound(seq, b)) {
      zero_outputs(seq);
    } else if (b < args.table.decodes.read()) {
      scan_decode(seq);
    } else {
      scan_prefill(seq);
    }
  }
}

}  // namespace dak
