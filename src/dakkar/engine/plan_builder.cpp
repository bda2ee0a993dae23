#include "dakkar/engine/plan_builder.h"

#include <algorithm>
#include <limits>

#include "dakkar/base/check.h"

namespace dak {
namespace {

SamplingRow sampling_row(GroupPlan& group, const Sequence& sequence) {
  const SamplingParams& params = sequence.request.sampling;
  SamplingRow row;
  row.temperature = params.temperature;
  row.top_p = params.top_p;
  row.min_p = params.min_p;
  row.top_k = params.top_k;
  row.repetition_penalty = params.repetition_penalty;
  row.presence_penalty = params.presence_penalty;
  row.frequency_penalty = params.frequency_penalty;
  row.seed = params.seed;
  row.prompt_tokens = static_cast<int32_t>(sequence.prompt_tokens);
  row.top_logprobs = params.top_logprobs;
  row.uses_history = params.repetition_penalty != 1.0F || params.presence_penalty != 0.0F ||
                     params.frequency_penalty != 0.0F;
  row.bias_begin = static_cast<int32_t>(group.bias_ids.size());
  for (const auto& [id, value] : params.logit_bias) {
    group.bias_ids.push_back(id);
    group.bias_values.push_back(value);
  }
  row.bias_end = static_cast<int32_t>(group.bias_ids.size());
  const StopRules& stop = sequence.request.stop;
  row.min_tokens =
      static_cast<int32_t>(std::min<int64_t>(stop.min_tokens, std::numeric_limits<int32_t>::max()));
  row.stop_begin = static_cast<int32_t>(group.stop_ids.size());
  if (sequence.drawn < stop.min_tokens) {
    group.stop_ids.insert(group.stop_ids.end(), stop.stop_ids.begin(), stop.stop_ids.end());
  }
  row.stop_end = static_cast<int32_t>(group.stop_ids.size());
  return row;
}

void append_places(GroupPlan& group, Sequence& sequence, SequencePlan& plan) {
  plan.pages_from = static_cast<int32_t>(sequence.pages_sent);
  plan.pages_added = static_cast<int32_t>(std::ssize(sequence.pages) - sequence.pages_sent);
  for (int64_t i = sequence.pages_sent; i < std::ssize(sequence.pages); ++i) {
    group.pages.push_back(sequence.pages[static_cast<size_t>(i)].offset());
  }
  sequence.pages_sent = std::ssize(sequence.pages);
  if (sequence.position == 0) {
    const std::vector<int64_t>& offsets = sequence.state->offsets();
    plan.offsets = static_cast<int32_t>(offsets.size());
    group.state_offsets.insert(group.state_offsets.end(), offsets.begin(), offsets.end());
  }
}

/// Says where the step finds and leaves the state of a prefill that takes several.
void append_carry(GroupPlan& group, Sequence& sequence, SequencePlan& plan) {
  const bool ends = sequence.position + plan.rows == sequence.prefill_end;
  if (!sequence.carry.has_value()) {
    return;
  }
  if (sequence.carry_sent) {
    plan.carry = ends ? CarryUse::kRead : CarryUse::kReadWrite;
    return;
  }
  check(!ends, "a prefill of one step holds a carry");
  const std::vector<int64_t>& offsets = sequence.carry->offsets();
  plan.carry = CarryUse::kWrite;
  plan.carry_offsets = static_cast<int32_t>(offsets.size());
  group.carry_offsets.insert(group.carry_offsets.end(), offsets.begin(), offsets.end());
  sequence.carry_sent = true;
}

}  // namespace

void append_sequence(GroupPlan& group, Sequence& sequence, int64_t rows) {
  SequencePlan plan;
  plan.handle = sequence.handle;
  plan.slot = sequence.state->slot();
  plan.position = static_cast<int32_t>(sequence.position);
  plan.rows = static_cast<int32_t>(rows);
  append_places(group, sequence, plan);
  if (sequence.prefilling()) {
    const auto begin = sequence.tokens.begin() + sequence.position;
    group.ids.insert(group.ids.end(), begin, begin + rows);
    append_carry(group, sequence, plan);
    plan.draw = sequence.position + rows == sequence.prefill_end ? Draw::kYes : Draw::kNo;
  } else {
    ++group.decodes;
    group.ids.push_back(-1);
    plan.draw = Draw::kYes;
  }
  plan.sampling = sampling_row(group, sequence);
  sequence.position += rows;
  sequence.drawn += plan.draws() ? 1 : 0;
  ++sequence.in_flight;
  group.sequences.push_back(plan);
}

}  // namespace dak
