#pragma once

#include <array>
#include <optional>

#include "dakkar/base/token_id.h"
#include "dakkar/text/chat_template.h"
#include "dakkar/text/output/output_parser.h"
#include "dakkar/text/tokenizer.h"

namespace dak {

/// How a checkpoint's replies are built, learnt from its tokenizer and chat template.
struct OutputForm {
  bool thinks = false;  ///< the template writes reasoning between tags
  ThinkGlue glue;
  /// Ids of the tags, in the order of `OutputTag`; a tag without one is looked for in the text.
  std::array<std::optional<TokenId>, 4> tags;
};

/// Renders a short conversation with marked reasoning and content and looks at what the template
/// puts around them (spec/serving.md 7.4). A template that shows no reasoning gives a form that
/// does not think.
[[nodiscard]] OutputForm learn_output_form(const Tokenizer& tokenizer,
                                           const ChatTemplate& chat_template);

}  // namespace dak
