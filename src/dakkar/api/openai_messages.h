#pragma once

#include <vector>

#include "dakkar/api/chat_request.h"
#include "dakkar/base/error.h"
#include "dakkar/base/json.h"

namespace dak {

/// Parses the `messages` of a chat body (spec/serving.md 3.2).
///
/// Text parts of one message are joined with line feeds; the role `developer` becomes `system`;
/// system messages at the head are merged into one with an empty line between; the arguments of an
/// earlier tool call become a JSON object. Errors name the message: "messages[2].content ...".
[[nodiscard]] Result<std::vector<ChatMessage>> parse_messages(const JsonView& messages);

}  // namespace dak
