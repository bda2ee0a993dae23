#pragma once

#include <vector>

#include "dakkar/api/chat_request.h"
#include "dakkar/api/chat_stream.h"
#include "dakkar/api/checkpoint_text.h"
#include "dakkar/api/dialect.h"
#include "dakkar/api/served_model.h"
#include "dakkar/engine/request.h"

namespace dak {

/// A request that only has to be submitted: one generation and one text stream per choice.
///
/// Choice `p * n + k` is the k-th of prompt p; its seed is the request's plus k.
struct PreparedCall {
  struct Choice {
    GenerationRequest request;
    ChatStreamArgs text;
  };
  std::vector<Choice> choices;
  ReplyInfo reply;
  int64_t prompt_tokens = 0;  ///< of all prompts, each counted once
  bool generates = true;      ///< false: only the prompt is echoed
};

/// Does the work that takes time in proportion to the prompt: renders, encodes, cuts, checks
/// lengths. Runs on a worker thread.
///
/// Errors: kInvalidArgument naming the field; a prompt that is too long says "maximum context
/// length is N tokens", which clients look for.
[[nodiscard]] Result<PreparedCall> prepare_call(const ChatRequest& request,
                                                const CheckpointText& text,
                                                const ServedModel& model);

}  // namespace dak
