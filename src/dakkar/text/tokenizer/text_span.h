#pragma once

#include <string_view>

namespace dak {

/// Says who wrote a piece of a prompt.
enum class SpanOrigin {
  kTemplate,  ///< the chat template or the server: control tokens are recognised
  kUser,      ///< a message: text that spells a control token stays text
};

/// A piece of a rendered prompt with its author. A prompt is the concatenation of its spans.
struct TextSpan {
  std::string_view text;
  SpanOrigin origin = SpanOrigin::kTemplate;
};

}  // namespace dak
