#include "dakkar/text/tokenizer/post_processor.h"

namespace dak::tok {

std::vector<TokenId> with_special_tokens(const PostProcessor& processor, std::vector<TokenId> text,
                                         SpecialTokens special) {
  if (processor.parts.size() == 1 && processor.parts.front().is_text) {
    return text;
  }
  std::vector<TokenId> ids;
  for (const TemplatePart& part : processor.parts) {
    if (part.is_text) {
      ids.insert(ids.end(), text.begin(), text.end());
    } else if (special == SpecialTokens::kAdd) {
      ids.insert(ids.end(), part.ids.begin(), part.ids.end());
    }
  }
  return ids;
}

}  // namespace dak::tok
