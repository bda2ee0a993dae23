#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dakkar/base/token_id.h"
#include "dakkar/engine/request.h"
#include "dakkar/text/output/tool_set.h"

namespace dak {

/// A call of a tool that an earlier assistant turn made.
struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  ///< a JSON object
};

/// One turn of a conversation, whatever API it came through.
struct ChatMessage {
  std::string role;  ///< system, user, assistant or tool
  std::optional<std::string> content;
  std::string reasoning;  ///< of an earlier assistant turn; empty for none
  std::vector<ToolCall> tool_calls;
  std::string name;
  std::string tool_call_id;
};

/// What goes into the chat template.
struct ChatPrompt {
  std::vector<ChatMessage> messages;  ///< at least one
  /// The generation prompt follows the last turn, unless that turn is to be continued.
  enum class End { kGenerationPrompt, kNothing, kContinueLastTurn } end = End::kGenerationPrompt;
  std::string tools;               ///< a JSON array for the template; empty for none
  std::string template_variables;  ///< a JSON object (`chat_template_kwargs`); empty for none
  std::string documents;           ///< a JSON array; empty for none
  std::string reasoning_effort;    ///< as asked; turned into template variables when rendered
};

/// A prompt as text.
struct TextPrompt {
  std::string text;
};

/// What generation starts from.
using PromptSource = std::variant<ChatPrompt, TextPrompt, std::vector<TokenId>>;

/// Whether the tokenizer's own special tokens go in front of the prompt.
enum class PromptStart { kPlain, kSpecialTokens };

/// Whether a reply comes in one piece or as events.
enum class ReplyMode { kWhole, kStream };

/// What a reply shows besides the text.
struct ReplyOptions {
  ReplyMode mode = ReplyMode::kWhole;
  bool include_usage = false;     ///< streams end with a usage event
  bool continuous_usage = false;  ///< every event carries usage
  bool echo = false;              ///< the prompt (or the last turn) stands in front
  bool include_stop = false;      ///< the stop string or token stays in the text
  bool skip_special = true;       ///< special tokens do not show in the text
  bool token_ids = false;         ///< ids beside the text
  bool tokens_as_ids = false;     ///< logprob entries name tokens `token_id:N`
  bool logprobs = false;
  bool split_reasoning = true;  ///< reasoning is shown apart from the content
};

/// Cuts a prompt that is too long.
struct PromptCut {
  int64_t max_tokens = 0;                                ///< tokens to keep
  enum class Side { kLeft, kRight } side = Side::kLeft;  ///< the side that is cut off
};

/// A request for text that any dialect can be parsed into: complete, checked against every rule
/// that needs no tokenizer. Defaults of the checkpoint are already in.
struct ChatRequest {
  std::string id;                     ///< without the dialect's prefix
  std::string model;                  ///< as the client named it
  std::vector<PromptSource> prompts;  ///< a chat has exactly one
  PromptStart start = PromptStart::kPlain;
  int64_t n = 1;                      ///< choices per prompt
  SamplingParams sampling;            ///< all but the seed
  std::optional<uint64_t> seed;       ///< absent: whoever submits draws one
  std::optional<int64_t> max_tokens;  ///< absent: as many as the context holds. 0 only with echo
  int64_t min_tokens = 0;
  std::vector<TokenId> stop_ids;  ///< the client's
  std::vector<std::string> stop_strings;
  bool ignore_eos = false;
  ToolSet tools;          ///< calls of these are looked for in a chat's reply
  bool one_call = false;  ///< generation ends behind the first complete call
  int32_t priority = 0;
  std::optional<PromptCut> cut;
  ReplyOptions reply;
  std::vector<std::string> unknown_fields;  ///< names nobody knows, to be counted and logged
};

}  // namespace dak
