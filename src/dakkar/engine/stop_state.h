#pragma once

#include <cstdint>
#include <optional>

#include "dakkar/base/error.h"
#include "dakkar/engine/request.h"
#include "dakkar/engine/token_bytes.h"
#include "dakkar/text/stop_matcher.h"

namespace dak {

/// Why a token ended its sequence.
struct StopReason {
  FinishReason finish = FinishReason::kStop;
  std::optional<TokenId> stop_id;
  std::string stop_string;
};

/// Applies one sequence's stop rules to its output tokens, in order.
class StopState final {
 public:
  /// `limit`: most output tokens, from max_tokens and the context. `bytes` may be null when the
  /// rules have no stop strings. Errors: an empty stop string; stop strings without `bytes`.
  static Result<StopState> create(const StopRules& rules, int64_t limit, const TokenBytes* bytes);

  /// Takes the next output token; says why the sequence ends with it, if it does.
  ///
  /// A stop id or stop string wins over the length. Before `min_tokens` tokens neither ends it;
  /// text before that is not looked at.
  [[nodiscard]] std::optional<StopReason> take(const StopRules& rules, TokenId id);

  [[nodiscard]] int64_t limit() const { return limit_; }

 private:
  StopState(int64_t limit, const TokenBytes* bytes) : limit_(limit), bytes_(bytes) {}

  int64_t limit_;
  int64_t taken_ = 0;
  const TokenBytes* bytes_;
  std::optional<StopMatcher> matcher_;
};

}  // namespace dak
