#include "dakkar/engine/memory_plan.h"

#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "dakkar/device/sequence_table.h"
#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/plan_builder.h"
#include "dakkar/engine/step_arrays.h"

namespace dak {
namespace {

constexpr int64_t kDefaultStepTokens = 2048;
// A batch is worth its slots only if each of them finds room for a conversation of this length.
constexpr int64_t kUsefulTokens = 1024;

std::string gib(int64_t bytes) {
  return fmt::format("{:.2f} GiB", static_cast<double>(bytes) / static_cast<double>(1 << 30));
}

// A step cuts at most one prompt, and the two under way may each have ended another.
constexpr int64_t kMostCarries = 3;

int64_t cache_needed(const MemoryQuestion& question, int64_t tokens, int64_t sequences) {
  return CachePool::bytes_for(question.spec,
                              sequences * CachePool::pages_for(question.spec, tokens), sequences,
                              carries_for(question.spec, sequences));
}

int64_t bytes_per_rank(const MemoryQuestion& question) {
  const int64_t usable = question.limit_bytes - question.limit_bytes / 10;
  return usable - question.weight_bytes;
}

/// The ledger for a given number of sequences; `arena_bytes` may come out too small, even negative.
MemoryPlan plan_for(const MemoryQuestion& question, int64_t sequences) {
  MemoryPlan plan;
  const int64_t wanted =
      question.max_step_tokens > 0 ? question.max_step_tokens : kDefaultStepTokens;
  plan.max_num_seqs = sequences;
  plan.carries = carries_for(question.spec, sequences);
  plan.max_step_tokens = std::max(wanted, sequences + kChunkTokens);
  plan.limits = {.tokens = plan.max_step_tokens,
                 .sequences = sequences,
                 .slots = sequences,
                 .max_pages = CachePool::pages_for(question.spec, question.max_model_len),
                 .arena_bytes = 0,
                 .cache = question.spec,
                 .list_entries = sequences * kMaxListEntries};
  plan.workspace_bytes = question.workspace_bytes(
      {.tokens = plan.max_step_tokens, .sequences = sequences, .logit_rows = sequences});
  plan.arrays_bytes = StepArrays::bytes(plan.limits);
  const int64_t left = question.cache_bytes > 0
                           ? question.cache_bytes
                           : bytes_per_rank(question) - plan.workspace_bytes - plan.arrays_bytes;
  const int64_t extent = CachePool::extent_bytes(question.spec);
  plan.limits.arena_bytes =
      std::min(left / extent * extent, cache_needed(question, question.max_model_len, sequences));
  return plan;
}

bool holds_one(const MemoryQuestion& question, const MemoryPlan& plan) {
  return plan.limits.arena_bytes >= cache_needed(question, question.max_model_len, 1);
}

bool is_worthwhile(const MemoryQuestion& question, const MemoryPlan& plan) {
  const int64_t tokens = std::min(question.max_model_len, kUsefulTokens);
  return holds_one(question, plan) &&
         plan.limits.arena_bytes >= cache_needed(question, tokens, plan.max_num_seqs);
}

tl::unexpected<Error> too_small(const MemoryQuestion& question, const MemoryPlan& plan) {
  const int64_t room = plan.limits.arena_bytes;
  int64_t low = 0;
  int64_t high = question.max_model_len;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (cache_needed(question, middle, 1) <= room) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const std::string reason = fmt::format(
      "one sequence of {} tokens needs {} of cache per rank, {} are left beside {} of weights",
      question.max_model_len, gib(cache_needed(question, question.max_model_len, 1)),
      gib(std::max<int64_t>(0, room)), gib(question.weight_bytes));
  const std::string advice = low > 0
                                 ? fmt::format("use --max-model-len {} or less", low)
                                 : std::string("this machine has too little memory for the model");
  return fail(ErrorCode::kResourceExhausted, reason + ": " + advice, "max_model_len");
}

}  // namespace

int64_t carries_for(const CacheSpec& spec, int64_t sequences) {
  return spec.has_carry() ? std::min(sequences, kMostCarries) : 0;
}

Result<MemoryPlan> plan_memory(const MemoryQuestion& question) {
  if (question.max_num_seqs > 0) {
    const MemoryPlan plan = plan_for(question, question.max_num_seqs);
    if (!holds_one(question, plan)) {
      return too_small(question, plan);
    }
    return plan;
  }
  for (int64_t sequences = question.default_num_seqs; sequences > 1; sequences /= 2) {
    const MemoryPlan plan = plan_for(question, sequences);
    if (is_worthwhile(question, plan)) {
      return plan;
    }
  }
  const MemoryPlan plan = plan_for(question, 1);
  if (!holds_one(question, plan)) {
    return too_small(question, plan);
  }
  return plan;
}

}  // namespace dak
