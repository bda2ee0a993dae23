#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dakkar/base/token_id.h"
#include "dakkar/engine/request.h"

namespace dak {

/// A token's text and its log-probability under the raw model distribution.
struct TokenLogprob {
  TokenId id = 0;
  std::string bytes;              ///< may be a part of a code point
  float logprob = 0.0F;           ///< at least -9999
  std::vector<TokenLogprob> top;  ///< alternatives, best first
};

/// What ended a choice, when a stop string or a stop id of the client did.
using StopReason = std::variant<std::monostate, std::string, TokenId>;

/// What a step added to a tool call: its beginning (id and name), or more of its arguments.
struct ToolCallDelta {
  int64_t index = 0;      ///< of the call in its choice
  std::string id;         ///< set in the call's first
  std::string name;       ///< set in the call's first
  std::string arguments;  ///< all of a call's joined are a JSON object
};

/// What one step of the engine added to one choice.
struct ChatDelta {
  int64_t choice = 0;
  bool first = false;                      ///< the choice's first
  std::string reasoning;                   ///< whole UTF-8; comes before the content
  std::string content;                     ///< whole UTF-8
  std::vector<ToolCallDelta> calls;        ///< come after the content
  int64_t calls_done = 0;                  ///< complete calls of the choice so far
  int64_t reasoning_tokens = 0;            ///< new tokens that belong to the reasoning
  bool content_repeats_reasoning = false;  ///< there was no content, so all reasoning stands for it
  std::vector<TokenLogprob> logprobs;      ///< one per token when wanted, text or not
  std::vector<TokenId> ids;                ///< the new tokens
  std::optional<FinishReason> finish;      ///< set in the choice's last; never kError
  StopReason stop_reason;
};

/// Token counts of a request so far.
struct ChatUsage {
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t cached_tokens = 0;     ///< prompt tokens taken from a cache
  int64_t reasoning_tokens = 0;  ///< part of `completion_tokens`
};

}  // namespace dak
