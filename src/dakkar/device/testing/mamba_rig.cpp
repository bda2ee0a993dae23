#include "dakkar/device/testing/mamba_rig.h"

#include <cmath>
#include <limits>

namespace dak::testing {
namespace {

constexpr int64_t kConvWidth = 4;

}  // namespace

MambaRig::MambaRig(const Backend& backend, const Shape& shape, uint64_t seed)
    : shape_(shape),
      rig_(backend, seed),
      layout_(mamba_state_layout(shape.dims)),
      carry_bytes_(mamba_carry_layout(shape.dims).bytes) {
  const MambaDims& dims = shape_.dims;
  // Blocks of all slots, then their carries.
  const int64_t bytes = (layout_.bytes + carry_bytes_) * shape_.sequences;
  arena_ = rig_.bytes(bytes);
  headers_ = rig_.headers(shape_.sequences);
  // What a slot held before must not matter: it starts as noise.
  rig_.write(TensorView::dense(arena_, DType::kF32, {bytes / 4}),
             std::vector<float>(static_cast<size_t>(bytes / 4), 7e8F));
  weight_ = rig_.randoms(DType::kF32, {dims.channels(), kConvWidth}, {.scale = 0.4F});
  bias_ = rig_.randoms(DType::kF32, {dims.channels()}, {.scale = 0.3F});
  a_ = rig_.randoms(DType::kF32, {dims.heads}, {.scale = 0.3F, .centre = -1.0F});
  d_ = rig_.randoms(DType::kF32, {dims.heads});
  dt_bias_ = rig_.randoms(DType::kF32, {dims.heads}, {.scale = 0.5F, .centre = -3.0F});
  for (int64_t s = 0; s < shape_.sequences; ++s) {
    const int64_t length = shape_.length;
    xbc_.push_back(rig_.read(rig_.randoms(dims.activation, {length, dims.channels()})));
    dt_.push_back(rig_.read(rig_.randoms(dims.activation, {length, dims.heads})));
    conv_.emplace_back(static_cast<size_t>(length * dims.channels()));
    y_.emplace_back(static_cast<size_t>(length * dims.inner()));
    position_.push_back(0);
  }
}

TensorView MambaRig::gather(const std::vector<std::vector<float>>& from, int64_t width,
                            const std::vector<Piece>& pieces) {
  std::vector<float> rows;
  for (const Piece& piece : pieces) {
    const auto begin = from[static_cast<size_t>(piece.sequence)].begin() +
                       position_[static_cast<size_t>(piece.sequence)] * width;
    rows.insert(rows.end(), begin, begin + piece.tokens * width);
    for (auto value = rows.end() - piece.wrong * width; value != rows.end(); ++value) {
      *value = std::normal_distribution<float>()(rig_.random());
    }
  }
  const int64_t count = static_cast<int64_t>(rows.size()) / width;
  return rig_.tensor(shape_.dims.activation, {count, width}, rows);
}

void MambaRig::collect(const TensorView& rows, const std::vector<Piece>& pieces,
                       std::vector<std::vector<float>>& to) {
  const std::vector<float> values = rig_.read(rows);
  auto from = values.begin();
  for (const Piece& piece : pieces) {
    const int64_t count = piece.tokens * rows.dim(1);
    std::copy_n(from, count,
                to[static_cast<size_t>(piece.sequence)].begin() +
                    position_[static_cast<size_t>(piece.sequence)] * rows.dim(1));
    from += count;
  }
}

MambaState MambaRig::state_of(const std::vector<Piece>& pieces) {
  std::vector<int64_t> offsets;
  std::vector<int64_t> carries;
  std::vector<CarryUse> use;
  for (const Piece& piece : pieces) {
    // The second of two layers; the first lies nowhere.
    offsets.insert(offsets.end(), {0, piece.sequence * layout_.bytes});
    carries.insert(carries.end(),
                   {0, shape_.sequences * layout_.bytes + piece.sequence * carry_bytes_});
    use.push_back(piece.carry);
  }
  return {.arena = arena_,
          .offsets = rig_.array(offsets),
          .layers = 2,
          .layer = 1,
          .carry = {.offsets = rig_.array(carries), .use = rig_.array(use)}};
}

void MambaRig::step(const std::vector<Piece>& pieces, Phase phase) {
  const MambaDims& dims = shape_.dims;
  std::vector<StepSequence> sequences;
  for (const Piece& piece : pieces) {
    const auto s = static_cast<size_t>(piece.sequence);
    check(position_[s] + piece.tokens <= shape_.length, "a test stays within its inputs");
    sequences.push_back({.slot = piece.sequence, .position = position_[s], .tokens = piece.tokens});
  }
  const auto count = static_cast<int64_t>(pieces.size());
  const SequenceTable table = rig_.table(sequences, phase == Phase::kDecode ? count : 0, headers_);
  const MambaState state = state_of(pieces);
  const TensorView xbc = gather(xbc_, dims.channels(), pieces);
  const DeviceCount tokens = rig_.count(xbc.dim(0));
  const TensorView conv = rig_.zeros(dims.activation, {xbc.dim(0), dims.channels()});
  const TensorView y = rig_.zeros(dims.activation, {xbc.dim(0), dims.inner()});
  const StepArgs edges{
      .table = table, .ids = rig_.zeros(DType::kI32, {xbc.dim(0)}), .tokens = tokens};
  ops::begin_step(rig_.context(), edges);
  ops::causal_conv(rig_.context(), {.xbc = xbc,
                                    .weight = weight_,
                                    .bias = bias_,
                                    .out = conv,
                                    .dims = dims,
                                    .state = state,
                                    .table = table,
                                    .tokens = tokens});
  ops::ssm_scan(rig_.context(), {.xbc = conv,
                                 .dt = gather(dt_, dims.heads, pieces),
                                 .a = a_,
                                 .d = d_,
                                 .dt_bias = dt_bias_,
                                 .dt_min = 0.0F,
                                 .dt_max = std::numeric_limits<float>::infinity(),
                                 .y = y,
                                 .dims = dims,
                                 .state = state,
                                 .table = table,
                                 .tokens = tokens,
                                 .rounding = shape_.rounding});
  ops::advance(rig_.context(), edges);
  collect(conv, pieces, conv_);
  collect(y, pieces, y_);
  for (const Piece& piece : pieces) {
    position_[static_cast<size_t>(piece.sequence)] += piece.tokens;
  }
}

void MambaRig::reject(int32_t s, int32_t tokens) {
  SlotHeader cut = header(s);
  cut.position -= tokens;
  position_[static_cast<size_t>(s)] -= tokens;
  set_header(s, cut);
}

void MambaRig::set_header(int32_t s, const SlotHeader& header) {
  rig_.stream().copy(headers_ + s, &header, sizeof(header));
}

SlotHeader MambaRig::header(int32_t s) {
  return rig_.read_array(headers_ + s, 1).front();
}

std::vector<float> MambaRig::y(int32_t s) const {
  const auto& all = y_[static_cast<size_t>(s)];
  return {all.begin(), all.begin() + position_[static_cast<size_t>(s)] * shape_.dims.inner()};
}

std::vector<float> MambaRig::conv(int32_t s) const {
  const auto& all = conv_[static_cast<size_t>(s)];
  return {all.begin(), all.begin() + position_[static_cast<size_t>(s)] * shape_.dims.channels()};
}

std::vector<float> MambaRig::state(int32_t s) {
  const int64_t count = shape_.dims.inner() * shape_.dims.state;
  if (header(s).base == 0) {
    return std::vector<float>(static_cast<size_t>(count));
  }
  return rig_.read(TensorView::dense(arena_ + s * layout_.bytes, shape_.dims.stored, {count}));
}

std::vector<std::byte> MambaRig::block(int32_t s) {
  return rig_.read_array(arena_ + s * layout_.bytes, layout_.bytes);
}

std::vector<double> MambaRig::expected_conv(int32_t s) const {
  const int64_t channels = shape_.dims.channels();
  const auto& x = xbc_[static_cast<size_t>(s)];
  const auto* weight = weight_.as<float>();
  const auto* bias = bias_.as<float>();
  std::vector<double> out;
  for (int64_t t = 0; t < position_[static_cast<size_t>(s)]; ++t) {
    for (int64_t c = 0; c < channels; ++c) {
      double sum = bias[c];
      for (int64_t j = std::max<int64_t>(0, kConvWidth - 1 - t); j < kConvWidth; ++j) {
        sum += double{weight[c * kConvWidth + j]} *
               x[static_cast<size_t>((t - kConvWidth + 1 + j) * channels + c)];
      }
      out.push_back(sum / (1.0 + std::exp(-sum)));
    }
  }
  return out;
}

Recurrence MambaRig::expected(int32_t s,
                              const std::map<int64_t, std::vector<float>>& replaced) const {
  const MambaDims& dims = shape_.dims;
  const auto& v = conv_[static_cast<size_t>(s)];
  const auto& raw = dt_[static_cast<size_t>(s)];
  std::vector<double> state(static_cast<size_t>(dims.inner() * dims.state));
  Recurrence made;
  made.states.push_back(state);
  for (int64_t t = 0; t < position_[static_cast<size_t>(s)]; ++t) {
    if (const auto found = replaced.find(t); found != replaced.end()) {
      state.assign(found->second.begin(), found->second.end());
    }
    const float* x = v.data() + t * dims.channels();
    for (int64_t row = 0; row < dims.inner(); ++row) {
      const int64_t h = row / dims.head_dim;
      const float* b = x + dims.inner() + h / (dims.heads / dims.groups) * dims.state;
      const float* c = b + dims.groups * dims.state;
      const double step = std::log1p(
          std::exp(double{raw[static_cast<size_t>(t * dims.heads + h)]} + dt_bias_.as<float>()[h]));
      double sum = double{d_.as<float>()[h]} * x[row];
      for (int64_t n = 0; n < dims.state; ++n) {
        double& element = state[static_cast<size_t>(row * dims.state + n)];
        element = std::exp(step * a_.as<float>()[h]) * element + step * x[row] * b[n];
        sum += element * c[n];
      }
      made.y.push_back(sum);
    }
    made.states.push_back(state);
  }
  return made;
}

}  // namespace dak::testing
