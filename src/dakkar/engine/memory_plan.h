#pragma once

#include <cstdint>
#include <functional>

#include "dakkar/base/error.h"
#include "dakkar/engine/step_plan.h"
#include "dakkar/model/cache_spec.h"
#include "dakkar/model/model.h"

namespace dak {

/// What is known before the cache is sized. Zero limits are to be chosen.
struct MemoryQuestion {
  int64_t limit_bytes = 0;   ///< memory that one rank may take
  int64_t weight_bytes = 0;  ///< of the rank that holds most
  CacheSpec spec;
  int64_t max_model_len = 0;                                  ///< never 0
  int64_t max_num_seqs = 0;                                   ///< of a dp group
  int64_t default_num_seqs = 256;                             ///< most that 0 may become
  int64_t max_step_tokens = 0;                                ///< 0: 2,048
  int64_t cache_bytes = 0;                                    ///< 0: what is left
  std::function<int64_t(const StepLimits&)> workspace_bytes;  ///< of one rank
};

/// One rank's ledger; bytes add up to at most nine tenths of its limit, less weights.
struct MemoryPlan {
  int64_t max_num_seqs = 0;
  int64_t max_step_tokens = 0;
  int64_t carries = 0;  ///< what the cache holds of them beside all slots
  int64_t workspace_bytes = 0;
  int64_t arrays_bytes = 0;  ///< step inputs, token histories
  PlanLimits limits;         ///< its `arena_bytes` are the cache
};

/// Carries that a pool for so many sequences has (`CacheSpec::has_carry`).
[[nodiscard]] int64_t carries_for(const CacheSpec& spec, int64_t sequences);

/// Divides memory among weights, scratch and cache. The cache gets what is left, but no more than
/// max_num_seqs sequences of max_model_len can use.
///
/// Errors: `kResourceExhausted` when not even one sequence of max_model_len fits; the message says
/// which length would.
[[nodiscard]] Result<MemoryPlan> plan_memory(const MemoryQuestion& question);

}  // namespace dak
