#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/request.h"
#include "dakkar/engine/stop_state.h"

namespace dak {

/// A request's progress, and the cache handles that hold its state.
///
/// `position` counts tokens whose computation has been launched, so it runs ahead of what is known:
/// the tokens behind it may still be on their way from the device.
struct Sequence {
  Sequence(uint64_t number, GenerationRequest what, StopState rules);

  const uint64_t handle;
  GenerationRequest request;  ///< its prompt has moved to `tokens`
  const int64_t prompt_tokens;
  std::vector<TokenId> tokens;  ///< prompt, then the output that is known
  StopState stop;

  int64_t prefill_end = 0;  ///< tokens to compute before drawing goes on; 0 while waiting
  int64_t position = 0;     ///< tokens in the state once all launched steps have run
  int64_t drawn = 0;        ///< output tokens known or on their way
  int64_t in_flight = 0;    ///< launched steps whose result is not known
  int64_t starts = 0;       ///< times it was given a state: 1 more than its preemptions
  int64_t pages_sent = 0;   ///< entries of `pages` that the ranks have in their tables
  std::vector<PageRef> pages;
  std::optional<StateRef> state;  ///< held from admission to the end or to a preemption
  std::optional<CarryRef> carry;  ///< held between the steps of a prefill that takes several
  bool carry_sent = false;        ///< whether a launched step has left the state there

  [[nodiscard]] int64_t output_tokens() const { return std::ssize(tokens) - prompt_tokens; }
  [[nodiscard]] bool running() const { return state.has_value(); }
  [[nodiscard]] bool prefilling() const { return position < prefill_end; }
  /// All tokens that its limit allows are drawn; only their results are awaited.
  [[nodiscard]] bool fully_drawn() const { return drawn >= stop.limit(); }
  /// Tokens of prompt and output at its longest.
  [[nodiscard]] int64_t longest() const { return prompt_tokens + stop.limit(); }

  /// Takes up a state: computes from the first token, the known output included.
  void start(StateRef held);
  /// Whether this one keeps its place when memory is short: lower priority number, then older.
  [[nodiscard]] bool before(const Sequence& other) const {
    return std::pair(rank, handle) < std::pair(other.rank, other.handle);
  }

  int32_t rank = 0;  ///< the request's priority, or 0 when the policy ignores it
};

}  // namespace dak
