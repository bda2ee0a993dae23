#pragma once

#include <string>
#include <string_view>

#include "dakkar/api/checkpoint_text.h"
#include "dakkar/api/served_model.h"

namespace dak {

/// Answers POST /tokenize: a `prompt`, or `messages` through the chat template (spec/serving.md
/// 3.10). Gives the body of the reply.
[[nodiscard]] Result<std::string> answer_tokenize(std::string_view body, const CheckpointText& text,
                                                  const ServedModel& model);

/// Answers POST /detokenize: `tokens` in, `prompt` out.
[[nodiscard]] Result<std::string> answer_detokenize(std::string_view body,
                                                    const CheckpointText& text,
                                                    const ServedModel& model);

}  // namespace dak
