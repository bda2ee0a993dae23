#include "dakkar/engine/stop_state.h"

#include <algorithm>
#include <utility>

namespace dak {

Result<StopState> StopState::create(const StopRules& rules, int64_t limit,
                                    const TokenBytes* bytes) {
  StopState state(limit, bytes);
  if (rules.stop_strings.empty()) {
    return state;
  }
  if (bytes == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "stop strings need a tokenizer, this model has none",
                "stop");
  }
  auto matcher = StopMatcher::create(rules.stop_strings);
  if (!matcher.has_value()) {
    matcher.error().param = "stop";
    return fail(std::move(matcher.error()));
  }
  state.matcher_.emplace(std::move(*matcher));
  return state;
}

std::optional<StopReason> StopState::take(const StopRules& rules, TokenId id) {
  ++taken_;
  const bool may_stop = taken_ > rules.min_tokens;
  if (may_stop &&
      std::find(rules.stop_ids.begin(), rules.stop_ids.end(), id) != rules.stop_ids.end()) {
    return StopReason{.finish = FinishReason::kStop, .stop_id = id, .stop_string = {}};
  }
  if (may_stop && matcher_.has_value()) {
    if (const auto match = matcher_->feed(bytes_->bytes_of(id))) {
      return StopReason{.finish = FinishReason::kStop,
                        .stop_id = std::nullopt,
                        .stop_string = rules.stop_strings[static_cast<size_t>(match->stop_index)]};
    }
  }
  if (taken_ >= limit_) {
    return StopReason{.finish = FinishReason::kLength, .stop_id = std::nullopt, .stop_string = {}};
  }
  return std::nullopt;
}

}  // namespace dak
