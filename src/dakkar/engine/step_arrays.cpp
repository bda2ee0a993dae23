#include "dakkar/engine/step_arrays.h"

#include <algorithm>
#include <utility>

namespace dak {
namespace {

enum CountPlace : int64_t { kTokens, kSequences, kDecodes, kDraws, kCounts };

TensorView take_structs(Workspace& space, int64_t count, size_t size) {
  return space.take(DType::kU8, {count * static_cast<int64_t>(size)});
}

template <typename T>
void copy_in(Stream& stream, const TensorView& to, const std::vector<T>& from) {
  if (!from.empty()) {
    stream.copy(to.data, from.data(), std::ssize(from) * static_cast<int64_t>(sizeof(T)));
  }
}

}  // namespace

StepArrays::Arrays StepArrays::carve(Workspace& space, const PlanLimits& limits) {
  const int64_t b = limits.sequences;
  Arrays a;
  a.ids = space.take(DType::kI32, {limits.tokens});
  a.query_start = space.take(DType::kI32, {b + 1});
  a.position = space.take(DType::kI32, {b});
  a.slot = space.take(DType::kI32, {b});
  a.counts = space.take(DType::kI32, {kCounts});
  a.page_table = space.take(DType::kI64, {b, std::max<int64_t>(1, limits.max_pages)});
  a.state_offsets = space.take(DType::kI64, {b, std::max<int64_t>(1, limits.cache.state_layers)});
  if (limits.cache.has_carry()) {
    a.carry_offsets = space.take(DType::kI64, {b, limits.cache.state_layers});
    a.carry_use = take_structs(space, b, sizeof(CarryUse));
  }
  a.logit_rows = space.take(DType::kI32, {b});
  a.drawing = space.take(DType::kI32, {b});
  a.rows = take_structs(space, b, sizeof(SamplingRow));
  a.bias_ids = space.take(DType::kI32, {limits.list_entries});
  a.bias_values = space.take(DType::kF32, {limits.list_entries});
  a.stop_ids = space.take(DType::kI32, {limits.list_entries});
  a.sampled = take_structs(space, b, sizeof(SampledToken));
  a.headers = take_structs(space, limits.slots, sizeof(SlotHeader));
  a.history = space.take(DType::kI32, {limits.slots, limits.cache.vocab});
  return a;
}

int64_t StepArrays::bytes(const PlanLimits& limits) {
  Workspace space = Workspace::measuring();
  static_cast<void>(carve(space, limits));
  return space.peak();
}

Result<StepArrays> StepArrays::create(const Backend& backend, const PlanLimits& limits) {
  StepArrays arrays(limits);
  const int64_t size = bytes(limits);
  auto memory = backend.allocate(size);
  if (!memory.has_value()) {
    return fail(std::move(memory.error()));
  }
  arrays.memory_ = std::move(*memory);
  Workspace space(arrays.memory_.data(), size);
  arrays.arrays_ = carve(space, limits);
  arrays.places_.resize(static_cast<size_t>(limits.slots));
  return arrays;
}

Status StepArrays::learn_places(const GroupPlan& group) {
  auto page = group.pages.begin();
  auto offset = group.state_offsets.begin();
  for (const SequencePlan& sequence : group.sequences) {
    SlotPlaces& places = places_[static_cast<size_t>(sequence.slot)];
    if (sequence.position == 0) {
      places.pages.clear();
      places.state_offsets.assign(offset, offset + sequence.offsets);
      offset += sequence.offsets;
    }
    if (sequence.pages_from != std::ssize(places.pages)) {
      return fail(ErrorCode::kInternal, "step plan: pages are not added at the table's end");
    }
    places.pages.insert(places.pages.end(), page, page + sequence.pages_added);
    page += sequence.pages_added;
    const int64_t room = std::ssize(places.pages) * limits_.cache.page_tokens;
    if (limits_.max_pages > 0 && sequence.position + sequence.rows > room) {
      return fail(ErrorCode::kInternal, "step plan: a sequence runs past its pages");
    }
    if (std::ssize(places.state_offsets) != limits_.cache.state_layers) {
      return fail(ErrorCode::kInternal, "step plan: a sequence goes on in a slot without a state");
    }
  }
  return {};
}

Status StepArrays::learn_carries(const GroupPlan& group) {
  auto offset = group.carry_offsets.begin();
  for (const SequencePlan& sequence : group.sequences) {
    SlotPlaces& places = places_[static_cast<size_t>(sequence.slot)];
    const bool carried = places.carried && sequence.position > 0;
    if (reads_carry(sequence.carry) != carried) {
      return fail(ErrorCode::kInternal,
                  "step plan: a sequence looks for its state where its last step did not leave it");
    }
    if (sequence.carry_offsets > 0) {
      places.carry_offsets.assign(offset, offset + sequence.carry_offsets);
      offset += sequence.carry_offsets;
    }
    places.carried = writes_carry(sequence.carry);
  }
  return {};
}

void StepArrays::stage(const GroupPlan& group) {
  staging_ = Staging{};
  int32_t row = 0;
  for (size_t b = 0; b < group.sequences.size(); ++b) {
    const SequencePlan& sequence = group.sequences[b];
    staging_.query_start.push_back(row);
    staging_.position.push_back(sequence.position);
    staging_.slot.push_back(sequence.slot);
    staging_.rows.push_back(sequence.sampling);
    staging_.carry_use.push_back(sequence.carry);
    row += sequence.rows;
    if (sequence.draws()) {
      staging_.logit_rows.push_back(row - 1);
      staging_.drawing.push_back(static_cast<int32_t>(b));
    }
  }
  staging_.query_start.push_back(row);
  tokens_ = row;
  draws_ = std::ssize(staging_.drawing);
  staging_.counts = {row, static_cast<int32_t>(group.sequences.size()), group.decodes,
                     static_cast<int32_t>(draws_)};
}

void StepArrays::copy_places(Stream& stream) {
  constexpr auto kEntry = static_cast<int64_t>(sizeof(int64_t));
  for (size_t b = 0; b < staging_.slot.size(); ++b) {
    const SlotPlaces& places = places_[static_cast<size_t>(staging_.slot[b])];
    const auto row = static_cast<int64_t>(b);
    if (!places.pages.empty()) {
      stream.copy(arrays_.page_table.rows(row, 1).data, places.pages.data(),
                  std::ssize(places.pages) * kEntry);
    }
    if (!places.state_offsets.empty()) {
      stream.copy(arrays_.state_offsets.rows(row, 1).data, places.state_offsets.data(),
                  std::ssize(places.state_offsets) * kEntry);
    }
    if (staging_.carry_use[b] != CarryUse::kNone) {
      stream.copy(arrays_.carry_offsets.rows(row, 1).data, places.carry_offsets.data(),
                  std::ssize(places.carry_offsets) * kEntry);
    }
  }
}

Status StepArrays::upload(Stream& stream, const GroupPlan& group) {
  if (Status status = learn_places(group); !status.has_value()) {
    return status;
  }
  if (Status status = learn_carries(group); !status.has_value()) {
    return status;
  }
  stage(group);
  copy_in(stream, arrays_.ids, group.ids);
  copy_in(stream, arrays_.query_start, staging_.query_start);
  copy_in(stream, arrays_.position, staging_.position);
  copy_in(stream, arrays_.slot, staging_.slot);
  copy_in(stream, arrays_.counts, staging_.counts);
  copy_in(stream, arrays_.logit_rows, staging_.logit_rows);
  copy_in(stream, arrays_.drawing, staging_.drawing);
  copy_in(stream, arrays_.rows, staging_.rows);
  copy_in(stream, arrays_.bias_ids, group.bias_ids);
  copy_in(stream, arrays_.bias_values, group.bias_values);
  copy_in(stream, arrays_.stop_ids, group.stop_ids);
  if (limits_.cache.has_carry()) {
    copy_in(stream, arrays_.carry_use, staging_.carry_use);
  }
  copy_places(stream);
  return {};
}

StepResult StepArrays::download(Stream& stream) {
  StepResult result;
  result.tokens.resize(static_cast<size_t>(draws_));
  std::vector<SlotHeader> headers(static_cast<size_t>(limits_.slots));
  if (draws_ > 0) {
    stream.copy(result.tokens.data(), arrays_.sampled.data,
                draws_ * static_cast<int64_t>(sizeof(SampledToken)));
  }
  stream.copy(headers.data(), arrays_.headers.data, arrays_.headers.bytes());
  stream.synchronize();
  for (const int32_t slot : staging_.slot) {
    result.failed.push_back(headers[static_cast<size_t>(slot)].failed != 0 ? 1 : 0);
  }
  return result;
}

DeviceCount StepArrays::count(int64_t which, int64_t bound) const {
  return {.bound = bound, .value = arrays_.counts.as<int32_t>() + which};
}

StepBounds StepArrays::bounds() const {
  return {.tokens = std::max<int64_t>(1, tokens_),
          .sequences = std::max<int64_t>(1, std::ssize(staging_.slot)),
          .draws = std::max<int64_t>(1, draws_)};
}

SequenceTable StepArrays::table(const StepBounds& bounds) const {
  return {.sequences = count(kSequences, bounds.sequences),
          .decodes = count(kDecodes, bounds.sequences),
          .query_start = arrays_.query_start.as<int32_t>(),
          .position = arrays_.position.as<int32_t>(),
          .slot = arrays_.slot.as<int32_t>(),
          .headers = reinterpret_cast<SlotHeader*>(arrays_.headers.data)};
}

StepBatch StepArrays::batch(std::byte* arena, const StepBounds& bounds) const {
  StepBatch batch;
  batch.ids = arrays_.ids.rows(0, bounds.tokens);
  batch.tokens = count(kTokens, bounds.tokens);
  batch.table = table(bounds);
  batch.arena = arena;
  batch.page_table = arrays_.page_table.as<int64_t>();
  batch.max_pages = arrays_.page_table.dim(1);
  batch.state_offsets = arrays_.state_offsets.as<int64_t>();
  if (limits_.cache.has_carry()) {
    batch.carry = {.offsets = arrays_.carry_offsets.as<int64_t>(),
                   .use = reinterpret_cast<const CarryUse*>(arrays_.carry_use.data)};
  }
  batch.logit_rows = arrays_.logit_rows.rows(0, bounds.draws);
  batch.logit_count = count(kDraws, bounds.draws);
  return batch;
}

HistoryArgs StepArrays::history_args(const StepBounds& bounds) const {
  return {.ids = arrays_.ids.rows(0, bounds.tokens),
          .history = arrays_.history,
          .rows = reinterpret_cast<const SamplingRow*>(arrays_.rows.data),
          .table = table(bounds),
          .tokens = count(kTokens, bounds.tokens)};
}

SampleArgs StepArrays::sample_args(const TensorView& logits, const StepBounds& bounds) const {
  return {.logits = logits,
          .history = arrays_.history,
          .sequence = arrays_.drawing.as<int32_t>(),
          .rows = reinterpret_cast<const SamplingRow*>(arrays_.rows.data),
          .bias_ids = arrays_.bias_ids.as<int32_t>(),
          .bias_values = arrays_.bias_values.as<float>(),
          .stop_ids = arrays_.stop_ids.as<int32_t>(),
          .out = reinterpret_cast<SampledToken*>(arrays_.sampled.data),
          .table = table(bounds),
          .count = count(kDraws, bounds.draws)};
}

}  // namespace dak
