#pragma once

#include <cstdint>
#include <vector>

#include "dakkar/base/token_id.h"

namespace dak::tok {

/// Whether tokens around the text are wanted.
enum class SpecialTokens { kAdd, kLeaveOut };

/// One element of the sequence that the post-processor builds.
struct TemplatePart {
  bool is_text = false;      ///< the encoded text; else `ids`
  std::vector<TokenId> ids;  ///< written only when special tokens are asked for
};

/// What the file's post-processor makes of an encoded text: tokens around it, as `<s>`.
struct PostProcessor {
  std::vector<TemplatePart> parts{TemplatePart{.is_text = true, .ids = {}}};
};

/// The ids of a whole text from the ids of its pieces.
[[nodiscard]] std::vector<TokenId> with_special_tokens(const PostProcessor& processor,
                                                       std::vector<TokenId> text,
                                                       SpecialTokens special);

}  // namespace dak::tok
