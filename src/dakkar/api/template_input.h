#pragma once

#include "dakkar/api/chat_request.h"
#include "dakkar/base/error.h"
#include "dakkar/text/chat_template.h"

namespace dak {

/// Fills `input` with a chat's messages, documents and template variables, and turns its reasoning
/// effort into the variables that `chat_template` reads (spec/serving.md 7.5): "none" switches
/// `enable_thinking` off; "minimal", "low" and "medium" set `medium_effort`, or the first two
/// `low_effort` where only that is known; the others leave thinking as it is. A variable that the
/// request sets itself stays as it is.
///
/// Errors: kInvalidArgument for template variables that would replace the conversation itself.
[[nodiscard]] Status fill_template_input(const ChatPrompt& chat, const ChatTemplate& chat_template,
                                         TemplateInput& input);

}  // namespace dak
