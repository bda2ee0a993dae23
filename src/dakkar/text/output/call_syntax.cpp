#include "dakkar/text/output/call_syntax.h"

#include <string_view>

namespace dak {
namespace {

/// `first` there and, behind white space, whatever `next` asks for. The length is that of `first`.
template <typename Next>
Match followed_by(const TagText& text, const Match& first, size_t ahead, const Next& next) {
  if (!first.yes()) {
    return first;
  }
  const Match space = text.spaces(ahead + first.length);
  if (!space.yes()) {
    return {.seen = space.seen};
  }
  const Match then = next(ahead + first.length + space.length);
  return {.seen = then.seen, .length = first.length};
}

/// What may follow a value's closing tag.
Match structure_at(const TagText& text, size_t ahead) {
  Match found = text.match("<parameter=", ahead);
  found = either(found, function_ends(text, ahead));
  found = either(found, text.match("</tool_call>", ahead));
  return either(found, text.at_end(ahead));
}

}  // namespace

Match function_ends(const TagText& text, size_t ahead) {
  return followed_by(text, text.match("</function>", ahead), ahead, [&](size_t behind) {
    Match found = text.match("</tool_call>", behind);
    found = either(found, text.match("<tool_call>", behind));
    found = either(found, text.match("<function=", behind));
    return either(found, text.at_end(behind));
  });
}

Match parameter_ends(const TagText& text, size_t ahead) {
  Match found = followed_by(text, text.match("</parameter>", ahead), ahead,
                            [&](size_t behind) { return structure_at(text, behind); });
  for (const std::string_view mangled :
       {"</parameter/>", "</parameter1>", "</parameterfunction>"}) {
    const Match tag = text.match(mangled, ahead);
    if (!tag.yes()) {
      found = either(found, tag);
      continue;
    }
    const Match then =
        followed_by(text, tag, ahead, [&](size_t behind) { return structure_at(text, behind); });
    found = either(found, then);
  }
  return found;
}

Match output_ends_with_call(const TagText& text, size_t ahead) {
  return followed_by(text, text.match("</tool_call>", ahead), ahead,
                     [&](size_t behind) { return text.at_end(behind); });
}

bool is_name_byte(char byte) {
  const bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
  const bool digit = byte >= '0' && byte <= '9';
  return letter || digit || std::string_view("_.:/-").find(byte) != std::string_view::npos;
}

}  // namespace dak
