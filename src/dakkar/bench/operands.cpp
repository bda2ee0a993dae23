#include "dakkar/bench/operands.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dakkar/device/row_access.h"

namespace dak::bench {
namespace {

/// Random words of which every 16 bits are `(bits & keep) | set`.
Buffer random_bits(RandomWords& random, int64_t bytes, uint16_t keep, uint16_t set) {
  constexpr uint64_t kEach = 0x0001000100010001ULL;
  Buffer buffer((bytes + 7) / 8 * 8);
  for (int64_t i = 0; i < bytes; i += 8) {
    const uint64_t word = (random.next() & (keep * kEach)) | (set * kEach);
    std::memcpy(buffer.data() + i, &word, sizeof(word));
  }
  return buffer;
}

QuantTensor random_nvfp4(RandomWords& random, int64_t n, int64_t k) {
  Buffer codes = random_bits(random, n * k / 2, 0xffff, 0);
  // Scales from 0.5 to 0.94.
  Buffer scales = random_bits(random, n * k / kNvfp4Block, 0x0707, 0x3030);
  QuantView view;
  view.format = QuantFormat::kNvfp4;
  view.rows = n;
  view.columns = k;
  view.values = TensorView::dense(codes.data(), DType::kU8, {n, k / 2});
  view.block_scales = TensorView::dense(scales.data(), DType::kF8E4M3, {n, k / kNvfp4Block});
  view.scale = 0.01F;
  return {view, std::move(codes), std::move(scales)};
}

}  // namespace

uint64_t RandomWords::next() {
  state_ += 0x9e3779b97f4a7c15ULL;
  uint64_t word = state_;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
  return word ^ (word >> 31);
}

float RandomWords::uniform(float low, float high) {
  return low + (high - low) * static_cast<float>(next() >> 40) * 0x1p-24F;
}

QuantTensor random_matrix(RandomWords& random, QuantFormat format, int64_t n, int64_t k) {
  check(
      format == QuantFormat::kBF16 || format == QuantFormat::kFp8 || format == QuantFormat::kNvfp4,
      "rows are timed with formats that checkpoints have");
  if (format == QuantFormat::kNvfp4) {
    return random_nvfp4(random, n, k);
  }
  const bool fp8 = format == QuantFormat::kFp8;
  const DType dtype = fp8 ? DType::kF8E4M3 : DType::kBF16;
  // fp8 up to 1.9; bf16 from 2^-9 to 2^-2: no NaN, no denormals to slow a multiplier down.
  Buffer values =
      fp8 ? random_bits(random, n * k, 0xbfbf, 0) : random_bits(random, n * k * 2, 0x83ff, 0x3b00);
  QuantView view;
  view.format = format;
  view.rows = n;
  view.columns = k;
  view.values = TensorView::dense(values.data(), dtype, {n, k});
  if (fp8) {
    view.scale = 0.01F;
    view.input_scale = 0.01F;
  }
  return {view, std::move(values), Buffer()};
}

Operands::Operands(const Backend& backend)
    : stream_(backend.open_stream(1)),
      group_(make_self_group()),
      backend_(backend),
      context_{.stream = *stream_,
               .kernels = backend.kernels(),
               .comm = *group_,
               .workspace = workspace_},
      arena_(backend, *stream_) {}

TensorView Operands::uniform(DType dtype, std::initializer_list<int64_t> shape, float low,
                             float high) {
  const TensorView view = zeros(dtype, shape);
  std::vector<float> values(static_cast<size_t>(view.elements()));
  for (float& value : values) {
    value = random_.uniform(low, high);
  }
  arena_.write(view, values);
  return view;
}

std::vector<TensorView> Operands::rotating(DType dtype, std::initializer_list<int64_t> shape,
                                           int64_t copies) {
  std::vector<TensorView> all = {activations(shape, dtype)};
  while (static_cast<int64_t>(all.size()) < copies) {
    const TensorView copy = zeros(dtype, shape);
    write(copy.data, all.front().data, copy.bytes());
    all.push_back(copy);
  }
  return all;
}

std::span<const PackedWeight> Operands::weights(QuantFormat format, int64_t n, int64_t k,
                                                int64_t copies) {
  const QuantTensor raw = random_matrix(random_, format, n, k);
  std::vector<PackedWeight>& set = weights_.emplace_back();
  for (int64_t i = 0; i < copies; ++i) {
    set.push_back(backend_.pack(raw.view(), Numerics::kShipped).value());
  }
  return set;
}

std::vector<int32_t> Operands::choose_experts(int64_t tokens, int64_t chosen, int64_t experts) {
  std::vector<int32_t> all(static_cast<size_t>(experts));
  for (size_t e = 0; e < all.size(); ++e) {
    all[e] = static_cast<int32_t>(e);
  }
  std::vector<int32_t> choices;
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t j = 0; j < chosen; ++j) {
      std::swap(all[static_cast<size_t>(j)],
                all[static_cast<size_t>(j + random_.below(experts - j))]);
      choices.push_back(all[static_cast<size_t>(j)]);
    }
  }
  return choices;
}

SequenceTable Operands::table(const std::vector<StepRow>& rows, int64_t decodes) {
  std::vector<int32_t> starts = {0};
  std::vector<int32_t> positions;
  std::vector<int32_t> slots;
  std::vector<SlotHeader> headers;
  for (const StepRow& row : rows) {
    starts.push_back(starts.back() + row.tokens);
    positions.push_back(row.position);
    slots.push_back(static_cast<int32_t>(slots.size()));
    headers.push_back(
        {.position = row.position,
         .base = static_cast<int32_t>(row.position / kRingFlushTokens * kRingFlushTokens)});
  }
  return {.sequences = count(static_cast<int64_t>(rows.size())),
          .decodes = count(decodes),
          .query_start = array(starts),
          .position = array(positions),
          .slot = array(slots),
          .headers = array(headers)};
}

}  // namespace dak::bench
