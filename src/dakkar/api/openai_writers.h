#pragma once

#include <memory>

#include "dakkar/api/dialect.h"

namespace dak {

/// Writes chat.completion bodies and chat.completion.chunk events.
[[nodiscard]] std::unique_ptr<ReplyWriter> open_chat_reply(ReplyInfo info);

/// Writes text_completion bodies and events.
[[nodiscard]] std::unique_ptr<ReplyWriter> open_completion_reply(ReplyInfo info);

}  // namespace dak
