#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/device/ops_sampling.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/model/cache_spec.h"

namespace dak {

/// Whether a step draws a token after a sequence's last row.
enum class Draw : uint8_t { kNo, kYes };

/// One sequence's share of a step. Its lists are ranges of the group's arrays, in sequence order.
struct SequencePlan {
  uint64_t handle = 0;  ///< the request's number, for logs and tests
  int32_t slot = 0;
  int32_t position = 0;     ///< absolute position of its first row
  int32_t rows = 0;         ///< tokens of this step, at least 1
  Draw draw = Draw::kNo;    ///< the last row's logits are sampled
  int32_t pages_from = 0;   ///< entry of its page table that the first added page fills
  int32_t pages_added = 0;  ///< 0 when its table stays as it is
  int32_t offsets = 0;      ///< state offsets given: all layers at position 0, else none
  CarryUse carry = CarryUse::kNone;
  int32_t carry_offsets = 0;  ///< carry offsets given: all layers with kWrite, else none
  SamplingRow sampling;       ///< list ranges index `GroupPlan::bias_ids` and `stop_ids`

  [[nodiscard]] bool draws() const { return draw == Draw::kYes; }
};

/// The step of one data-parallel group, the same for all of its tp ranks; may be empty.
struct GroupPlan {
  int32_t decodes = 0;  ///< the first ones of `sequences`, one row each
  std::vector<SequencePlan> sequences;
  std::vector<TokenId> ids;            ///< rows of all sequences; -1: the slot's last token
  std::vector<int64_t> pages;          ///< added pages, bytes into the arena
  std::vector<int64_t> state_offsets;  ///< of sequences at position 0, bytes into the arena
  std::vector<int64_t> carry_offsets;  ///< of sequences that begin to carry, bytes into the arena
  std::vector<TokenId> bias_ids;
  std::vector<float> bias_values;
  std::vector<TokenId> stop_ids;

  [[nodiscard]] int64_t draws() const;
};

/// One step of every rank of the (tp, dp, ep) grid: plain values, no addresses.
struct StepPlan {
  uint64_t step = 0;  ///< counts from 1
  int32_t tp = 1;
  int32_t dp = 1;
  int32_t ep = 1;
  std::vector<GroupPlan> groups;  ///< dp of them
};

/// What a rank's arrays hold; a decoded plan stays inside.
struct PlanLimits {
  int64_t tokens = 0;     ///< T of one group
  int64_t sequences = 0;  ///< B of one group
  int64_t slots = 0;
  int64_t max_pages = 0;  ///< entries of a page table
  int64_t arena_bytes = 0;
  CacheSpec cache;
  int64_t list_entries = 0;  ///< of `bias_ids` and of `stop_ids`
};

/// Writes a plan as bytes, little-endian, for any rank of this or another process.
[[nodiscard]] std::vector<std::byte> encode_plan(const StepPlan& plan);

/// Reads what `encode_plan` wrote. Any bytes may come: the result is a plan that ranks with these
/// limits can run without touching foreign memory, or `kInternal` naming the field at fault.
[[nodiscard]] Result<StepPlan> decode_plan(std::span<const std::byte> bytes,
                                           const PlanLimits& limits);

/// What came of a step in one group.
struct StepResult {
  uint64_t step = 0;
  std::vector<SampledToken> tokens;  ///< one per drawing sequence, in plan order
  std::vector<uint8_t> failed;       ///< one per sequence: its slot stood elsewhere
};

}  // namespace dak
