#include "dakkar/engine/step_plan_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <fmt/core.h>

namespace dak {
namespace {

bool in_range(int64_t value, int64_t begin, int64_t end) {
  return value >= begin && value < end;
}

tl::unexpected<Error> refuse(size_t sequence, std::string_view problem) {
  return fail(ErrorCode::kInternal, fmt::format("step plan: sequence {} {}", sequence, problem));
}

bool is_list_range(int64_t begin, int64_t end, size_t size) {
  return begin >= 0 && begin <= end && end <= static_cast<int64_t>(size);
}

bool is_sampling_sane(const SamplingRow& row, const GroupPlan& group) {
  const bool finite = std::isfinite(row.temperature) && std::isfinite(row.top_p) &&
                      std::isfinite(row.min_p) && std::isfinite(row.repetition_penalty) &&
                      std::isfinite(row.presence_penalty) && std::isfinite(row.frequency_penalty);
  return finite && row.top_k >= 0 && row.prompt_tokens >= 0 && row.min_tokens >= 0 &&
         in_range(row.top_logprobs, -1, kMaxTopLogprobs + 1) &&
         is_list_range(row.bias_begin, row.bias_end, group.bias_ids.size()) &&
         is_list_range(row.stop_begin, row.stop_end, group.stop_ids.size());
}

/// Whether what a sequence does with its carry, which may be any number, is possible.
bool is_carry_sane(const SequencePlan& s, const PlanLimits& limits) {
  switch (s.carry) {
    case CarryUse::kNone:
      return s.carry_offsets == 0;
    case CarryUse::kWrite:
      return limits.cache.has_carry() && s.carry_offsets == limits.cache.state_layers;
    case CarryUse::kRead:
    case CarryUse::kReadWrite:
      return limits.cache.has_carry() && s.carry_offsets == 0 && s.position > 0;
  }
  return false;
}

Status check_sequence(const GroupPlan& group, size_t index, const PlanLimits& limits) {
  const SequencePlan& s = group.sequences[index];
  if (!in_range(s.slot, 0, limits.slots)) {
    return refuse(index, "has no such slot");
  }
  const bool decodes = static_cast<int64_t>(index) < group.decodes;
  if (s.rows < 1 || s.rows > limits.tokens || (decodes && (s.rows != 1 || !s.draws()))) {
    return refuse(index, "has an impossible number of rows");
  }
  const int64_t end = int64_t{s.position} + s.rows;
  if (s.position < 0 || end > std::numeric_limits<int32_t>::max() || (decodes && s.position < 1)) {
    return refuse(index, "stands at an impossible position");
  }
  if (limits.max_pages > 0 && end > limits.max_pages * limits.cache.page_tokens) {
    return refuse(index, "runs past the end of its page table");
  }
  if (s.pages_from < 0 || s.pages_added < 0 ||
      int64_t{s.pages_from} + s.pages_added > limits.max_pages) {
    return refuse(index, "adds pages outside of its page table");
  }
  if (s.offsets != (s.position == 0 ? limits.cache.state_layers : 0)) {
    return refuse(index, "gives the wrong number of state offsets");
  }
  if (!is_carry_sane(s, limits) || (decodes && s.carry != CarryUse::kNone)) {
    return refuse(index, "has an impossible carry");
  }
  if (!is_sampling_sane(s.sampling, group)) {
    return refuse(index, "has impossible sampling values");
  }
  return {};
}

Status check_totals(const GroupPlan& group) {
  int64_t rows = 0;
  int64_t pages = 0;
  int64_t offsets = 0;
  int64_t carry_offsets = 0;
  for (const SequencePlan& s : group.sequences) {
    rows += s.rows;
    pages += s.pages_added;
    offsets += s.offsets;
    carry_offsets += s.carry_offsets;
  }
  if (rows != std::ssize(group.ids) || pages != std::ssize(group.pages) ||
      offsets != std::ssize(group.state_offsets) ||
      carry_offsets != std::ssize(group.carry_offsets) ||
      group.bias_ids.size() != group.bias_values.size()) {
    return fail(ErrorCode::kInternal, "step plan: lists and counts differ");
  }
  return {};
}

Status check_values(const GroupPlan& group, const PlanLimits& limits) {
  const auto is_page = [&](int64_t at) {
    return in_range(at, 0, limits.arena_bytes - limits.cache.page_bytes + 1);
  };
  const auto is_block = [&](int64_t at) {
    return in_range(at, 0, limits.arena_bytes - limits.cache.state_layer_bytes + 1);
  };
  const auto is_carry = [&](int64_t at) {
    return in_range(at, 0, limits.arena_bytes - limits.cache.carry_layer_bytes + 1);
  };
  const auto is_id = [&](TokenId id) { return in_range(id, 0, limits.cache.vocab); };
  const auto is_input = [&](TokenId id) { return in_range(id, -1, limits.cache.vocab); };
  const auto is_finite = [](float value) { return std::isfinite(value); };
  if (!std::all_of(group.pages.begin(), group.pages.end(), is_page) ||
      !std::all_of(group.state_offsets.begin(), group.state_offsets.end(), is_block) ||
      !std::all_of(group.carry_offsets.begin(), group.carry_offsets.end(), is_carry)) {
    return fail(ErrorCode::kInternal, "step plan: an offset lies outside of the arena");
  }
  if (!std::all_of(group.ids.begin(), group.ids.end(), is_input) ||
      !std::all_of(group.bias_ids.begin(), group.bias_ids.end(), is_id) ||
      !std::all_of(group.stop_ids.begin(), group.stop_ids.end(), is_id)) {
    return fail(ErrorCode::kInternal, "step plan: a token id is outside of the vocabulary");
  }
  if (!std::all_of(group.bias_values.begin(), group.bias_values.end(), is_finite)) {
    return fail(ErrorCode::kInternal, "step plan: a logit bias is not finite");
  }
  return {};
}

bool has_slot_twice(const GroupPlan& group) {
  std::vector<int32_t> slots;
  for (const SequencePlan& s : group.sequences) {
    slots.push_back(s.slot);
  }
  std::sort(slots.begin(), slots.end());
  return std::adjacent_find(slots.begin(), slots.end()) != slots.end();
}

}  // namespace

Status check_group(const GroupPlan& group, const PlanLimits& limits) {
  const auto sequences = std::ssize(group.sequences);
  if (sequences > limits.sequences || std::ssize(group.ids) > limits.tokens ||
      std::ssize(group.bias_ids) > limits.list_entries ||
      std::ssize(group.stop_ids) > limits.list_entries) {
    return fail(ErrorCode::kInternal, "step plan: a list is longer than the ranks' arrays");
  }
  if (!in_range(group.decodes, 0, sequences + 1)) {
    return fail(ErrorCode::kInternal, "step plan: more decodes than sequences");
  }
  for (size_t i = 0; i < group.sequences.size(); ++i) {
    if (Status status = check_sequence(group, i, limits); !status.has_value()) {
      return status;
    }
  }
  if (has_slot_twice(group)) {
    return fail(ErrorCode::kInternal, "step plan: two sequences in one slot");
  }
  if (Status status = check_totals(group); !status.has_value()) {
    return status;
  }
  return check_values(group, limits);
}

}  // namespace dak
