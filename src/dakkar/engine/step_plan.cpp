#include "dakkar/engine/step_plan.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dakkar/engine/step_plan_check.h"

namespace dak {
namespace {

constexpr uint32_t kMagic = 0x324B4144;  // "DAK2"
constexpr int32_t kMaxGrid = 4096;

// Bytes that one sequence takes at least, so that counts are checked before memory is taken.
constexpr int64_t kSequenceBytes = 41 + 15 * 4 + 8;

class Writer final {
 public:
  template <typename T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }

  template <typename T>
  void put_list(const std::vector<T>& values) {
    put(static_cast<uint32_t>(values.size()));
    const size_t at = bytes_.size();
    bytes_.resize(at + values.size() * sizeof(T));
    if (!values.empty()) {
      std::memcpy(bytes_.data() + at, values.data(), values.size() * sizeof(T));
    }
  }

  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

/// Reads values in order; once the bytes run out it gives zeros and `ok` stays false.
class Reader final {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  [[nodiscard]] T get() {
    T value{};
    if (!has(sizeof(T))) {
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }

  template <typename T>
  [[nodiscard]] std::vector<T> get_list() {
    const size_t count = get<uint32_t>();
    if (!has(count * sizeof(T))) {
      return {};
    }
    std::vector<T> values(count);
    if (count > 0) {
      std::memcpy(values.data(), bytes_.data(), count * sizeof(T));
    }
    bytes_ = bytes_.subspan(count * sizeof(T));
    return values;
  }

  [[nodiscard]] bool has(size_t bytes) {
    ok_ = ok_ && bytes <= bytes_.size();
    return ok_;
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

void put_sampling(Writer& out, const SamplingRow& row) {
  out.put(row.temperature);
  out.put(row.top_p);
  out.put(row.min_p);
  out.put(row.top_k);
  out.put(row.repetition_penalty);
  out.put(row.presence_penalty);
  out.put(row.frequency_penalty);
  out.put(row.seed);
  out.put(row.prompt_tokens);
  out.put(row.bias_begin);
  out.put(row.bias_end);
  out.put(row.min_tokens);
  out.put(row.stop_begin);
  out.put(row.stop_end);
  out.put(row.top_logprobs);
  out.put(row.uses_history);
}

SamplingRow get_sampling(Reader& in) {
  SamplingRow row;
  row.temperature = in.get<float>();
  row.top_p = in.get<float>();
  row.min_p = in.get<float>();
  row.top_k = in.get<int32_t>();
  row.repetition_penalty = in.get<float>();
  row.presence_penalty = in.get<float>();
  row.frequency_penalty = in.get<float>();
  row.seed = in.get<uint64_t>();
  row.prompt_tokens = in.get<int32_t>();
  row.bias_begin = in.get<int32_t>();
  row.bias_end = in.get<int32_t>();
  row.min_tokens = in.get<int32_t>();
  row.stop_begin = in.get<int32_t>();
  row.stop_end = in.get<int32_t>();
  row.top_logprobs = in.get<int32_t>();
  row.uses_history = in.get<int32_t>();
  return row;
}

void put_group(Writer& out, const GroupPlan& group) {
  out.put(group.decodes);
  out.put(static_cast<uint32_t>(group.sequences.size()));
  for (const SequencePlan& sequence : group.sequences) {
    out.put(sequence.handle);
    out.put(sequence.slot);
    out.put(sequence.position);
    out.put(sequence.rows);
    out.put(sequence.draw);
    out.put(sequence.pages_from);
    out.put(sequence.pages_added);
    out.put(sequence.offsets);
    out.put(sequence.carry);
    out.put(sequence.carry_offsets);
    put_sampling(out, sequence.sampling);
  }
  out.put_list(group.ids);
  out.put_list(group.pages);
  out.put_list(group.state_offsets);
  out.put_list(group.carry_offsets);
  out.put_list(group.bias_ids);
  out.put_list(group.bias_values);
  out.put_list(group.stop_ids);
}

SequencePlan get_sequence(Reader& in) {
  SequencePlan sequence;
  sequence.handle = in.get<uint64_t>();
  sequence.slot = in.get<int32_t>();
  sequence.position = in.get<int32_t>();
  sequence.rows = in.get<int32_t>();
  sequence.draw = in.get<uint8_t>() == 0 ? Draw::kNo : Draw::kYes;
  sequence.pages_from = in.get<int32_t>();
  sequence.pages_added = in.get<int32_t>();
  sequence.offsets = in.get<int32_t>();
  sequence.carry = in.get<CarryUse>();
  sequence.carry_offsets = in.get<int32_t>();
  sequence.sampling = get_sampling(in);
  return sequence;
}

GroupPlan get_group(Reader& in) {
  GroupPlan group;
  group.decodes = in.get<int32_t>();
  const int64_t count = in.get<uint32_t>();
  if (!in.has(static_cast<size_t>(count * kSequenceBytes))) {
    return group;
  }
  for (int64_t i = 0; i < count; ++i) {
    group.sequences.push_back(get_sequence(in));
  }
  group.ids = in.get_list<TokenId>();
  group.pages = in.get_list<int64_t>();
  group.state_offsets = in.get_list<int64_t>();
  group.carry_offsets = in.get_list<int64_t>();
  group.bias_ids = in.get_list<TokenId>();
  group.bias_values = in.get_list<float>();
  group.stop_ids = in.get_list<TokenId>();
  return group;
}

}  // namespace

int64_t GroupPlan::draws() const {
  return std::count_if(sequences.begin(), sequences.end(),
                       [](const SequencePlan& sequence) { return sequence.draws(); });
}

std::vector<std::byte> encode_plan(const StepPlan& plan) {
  Writer out;
  out.put(kMagic);
  out.put(plan.step);
  out.put(plan.tp);
  out.put(plan.dp);
  out.put(plan.ep);
  out.put(static_cast<uint32_t>(plan.groups.size()));
  for (const GroupPlan& group : plan.groups) {
    put_group(out, group);
  }
  return out.take();
}

Result<StepPlan> decode_plan(std::span<const std::byte> bytes, const PlanLimits& limits) {
  Reader in(bytes);
  if (in.get<uint32_t>() != kMagic) {
    return fail(ErrorCode::kInternal, "step plan: not a step plan");
  }
  StepPlan plan;
  plan.step = in.get<uint64_t>();
  plan.tp = in.get<int32_t>();
  plan.dp = in.get<int32_t>();
  plan.ep = in.get<int32_t>();
  const auto in_grid = [](int32_t n) { return n >= 1 && n <= kMaxGrid; };
  const auto groups = static_cast<int64_t>(in.get<uint32_t>());
  if (!in_grid(plan.tp) || !in_grid(plan.dp) || !in_grid(plan.ep) || groups != plan.dp) {
    return fail(ErrorCode::kInternal, "step plan: the rank grid is impossible");
  }
  for (int64_t i = 0; i < groups && in.ok(); ++i) {
    plan.groups.push_back(get_group(in));
  }
  if (!in.ok() || !in.at_end()) {
    return fail(ErrorCode::kInternal, "step plan: its length is not what its counts say");
  }
  for (const GroupPlan& group : plan.groups) {
    if (Status status = check_group(group, limits); !status.has_value()) {
      return fail(std::move(status.error()));
    }
  }
  return plan;
}

}  // namespace dak
