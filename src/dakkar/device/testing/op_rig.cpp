#include "dakkar/device/testing/op_rig.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "dakkar/device/row_access.h"

namespace dak::testing {
namespace {

int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    count *= size;
  }
  return count;
}

std::vector<float> normal(std::mt19937_64& random, int64_t count, Spread spread) {
  std::normal_distribution<float> distribution(spread.centre, spread.scale);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) {
    value = distribution(random);
  }
  return values;
}

Buffer random_floats(std::mt19937_64& random, DType dtype, int64_t count, float scale) {
  Buffer buffer(count * size_of(dtype));
  store_floats(normal(random, count, {.scale = scale}), dtype, buffer.data());
  return buffer;
}

QuantTensor random_nvfp4(std::mt19937_64& random, int64_t n, int64_t k) {
  std::uniform_int_distribution<int> byte(0, 255);
  Buffer codes(n * k / 2);
  for (int64_t i = 0; i < codes.size(); ++i) {
    codes.data()[i] = static_cast<std::byte>(byte(random));
  }
  std::uniform_real_distribution<float> magnitude(0.25F, 300.0F);
  Buffer scales(n * k / kNvfp4Block);
  for (int64_t i = 0; i < scales.size(); ++i) {
    // Some scales are subnormal in e4m3.
    const float scale = byte(random) < 16 ? 0x1p-8F : magnitude(random);
    scales.data()[i] = static_cast<std::byte>(to_f8e4m3(scale).bits);
  }
  QuantView view;
  view.format = QuantFormat::kNvfp4;
  view.rows = n;
  view.columns = k;
  view.values = TensorView::dense(codes.data(), DType::kU8, {n, k / 2});
  view.block_scales = TensorView::dense(scales.data(), DType::kF8E4M3, {n, k / kNvfp4Block});
  view.scale = 0.002F / std::sqrt(static_cast<float>(k));
  return QuantTensor(view, std::move(codes), std::move(scales));
}

}  // namespace

OpRig::OpRig(const Backend& backend, uint64_t seed)
    : backend_(backend),
      random_(seed),
      stream_(backend.open_stream(1)),
      group_(make_self_group()),
      context_{.stream = *stream_,
               .kernels = backend.kernels(),
               .comm = *group_,
               .workspace = workspace_},
      arena_(backend, *stream_) {}

TensorView OpRig::tensor(DType dtype, const std::vector<int64_t>& shape,
                         const std::vector<float>& values) {
  const TensorView view = zeros(dtype, shape);
  write(view, values);
  return view;
}

TensorView OpRig::randoms(DType dtype, const std::vector<int64_t>& shape, Spread spread) {
  return tensor(dtype, shape, normal(random_, elements_of(shape), spread));
}

TensorView OpRig::ints(const std::vector<int32_t>& values) {
  const auto count = static_cast<int64_t>(values.size());
  return TensorView::dense(array(values), DType::kI32, {count});
}

const PackedWeight& OpRig::weight(QuantFormat format, int64_t n, int64_t k) {
  const QuantTensor raw = random_weight(random_, format, n, k);
  return pack(raw.view());
}

std::span<const PackedWeight> OpRig::experts(const std::vector<QuantFormat>& formats, int64_t n,
                                             int64_t k) {
  std::vector<PackedWeight>& set = experts_.emplace_back();
  for (const QuantFormat format : formats) {
    const QuantTensor raw = random_weight(random_, format, n, k);
    set.push_back(backend_.pack(raw.view(), Numerics::kShipped).value());
  }
  QuantView none;
  none.rows = n;
  set.push_back(backend_.pack(none, Numerics::kShipped).value());
  return set;
}

const PackedWeight& OpRig::pack(const QuantView& view, Numerics numerics) {
  weights_.push_back(backend_.pack(view, numerics).value());
  return weights_.back();
}

void OpRig::set_count(const DeviceCount& count, int64_t value) {
  const auto narrow = static_cast<int32_t>(value);
  arena_.copy(const_cast<int32_t*>(count.value), &narrow, sizeof(narrow));
}

SequenceTable OpRig::table(const std::vector<StepSequence>& sequences, int64_t decodes,
                           SlotHeader* headers) {
  std::vector<int32_t> starts = {0};
  std::vector<int32_t> positions;
  std::vector<int32_t> slots;
  for (const StepSequence& sequence : sequences) {
    starts.push_back(starts.back() + sequence.tokens);
    positions.push_back(sequence.position);
    slots.push_back(sequence.slot);
  }
  return {.sequences = count(static_cast<int64_t>(sequences.size())),
          .decodes = count(decodes),
          .query_start = array(starts),
          .position = array(positions),
          .slot = array(slots),
          .headers = headers};
}

SlotHeader* OpRig::headers(int64_t slots) {
  return array(std::vector<SlotHeader>(static_cast<size_t>(slots)));
}

std::vector<float> OpRig::read(const TensorView& view) {
  const int64_t span = view.rank == 0 || view.elements() == 0
                           ? 0
                           : (view.dim(0) - 1) * view.stride(0) + view.elements() / view.dim(0);
  const std::vector<std::byte> raw = read_array(view.data, span * size_of(view.dtype));
  const int64_t width = view.elements() / std::max<int64_t>(1, view.dim(0));
  std::vector<float> values(static_cast<size_t>(view.elements()));
  for (int64_t row = 0; row < view.dim(0); ++row) {
    load_floats(
        raw.data() + row * view.stride(0) * size_of(view.dtype), view.dtype,
        std::span(values).subspan(static_cast<size_t>(row * width), static_cast<size_t>(width)));
  }
  return values;
}

std::vector<int32_t> OpRig::read_ints(const TensorView& view) {
  return read_array(view.as<int32_t>(), view.elements());
}

QuantTensor random_weight(std::mt19937_64& random, QuantFormat format, int64_t n, int64_t k) {
  if (format == QuantFormat::kNvfp4) {
    return random_nvfp4(random, n, k);
  }
  const bool fp8 = format == QuantFormat::kFp8;
  const DType dtype = fp8                            ? DType::kF8E4M3
                      : format == QuantFormat::kBF16 ? DType::kBF16
                      : format == QuantFormat::kF16  ? DType::kF16
                                                     : DType::kF32;
  const float scale = 1.0F / std::sqrt(static_cast<float>(k));
  Buffer values = random_floats(random, dtype, n * k, fp8 ? 60.0F : scale);
  QuantView view;
  view.format = format;
  view.rows = n;
  view.columns = k;
  view.values = TensorView::dense(values.data(), dtype, {n, k});
  if (fp8) {
    view.scale = scale / 60.0F;
    view.input_scale = 0.013F;
  }
  return QuantTensor(view, std::move(values), Buffer());
}

std::vector<double> values_of(const QuantView& weight) {
  std::vector<double> values;
  std::vector<float> element(1);
  for (int64_t n = 0; n < weight.rows; ++n) {
    for (int64_t k = 0; k < weight.columns; ++k) {
      if (weight.format == QuantFormat::kNvfp4) {
        const auto pair = static_cast<uint8_t>(row_address(weight.values, n)[k / 2]);
        const auto scale =
            static_cast<uint8_t>(row_address(weight.block_scales, n)[k / kNvfp4Block]);
        const auto code = static_cast<uint8_t>(k % 2 == 0 ? pair & 15 : pair >> 4);
        values.push_back(double{e2m1_value(code)} * to_float(F8E4M3{scale}) * weight.scale);
        continue;
      }
      const int64_t place = k * size_of(weight.values.dtype);
      load_floats(row_address(weight.values, n) + place, weight.values.dtype, element);
      values.push_back(double{element[0]} * weight.scale);
    }
  }
  return values;
}

double relative_error(const std::vector<float>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) {
    return std::numeric_limits<double>::infinity();
  }
  double difference = 0.0;
  double norm = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  if (!std::isfinite(difference) || !std::isfinite(norm)) {
    return std::numeric_limits<double>::infinity();
  }
  return difference == 0.0 ? 0.0 : std::sqrt(difference / norm);
}

double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  return relative_error(a, std::vector<double>(b.begin(), b.end()));
}

uint64_t fresh_seed() {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace dak::testing
