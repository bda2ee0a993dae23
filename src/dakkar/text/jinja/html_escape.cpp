#include "dakkar/text/jinja/html_escape.h"

namespace dak::jinja {
namespace {

const char* entity_of(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '\'':
      return "&#39;";
    case '"':
      return "&#34;";
    default:
      return nullptr;
  }
}

}  // namespace

MarkedText escape_text(const MarkedText& text) {
  MarkedText out;
  int64_t begin = 0;
  for (int64_t at = 0; at < text.size(); ++at) {
    const char* entity = entity_of(text.bytes()[static_cast<size_t>(at)]);
    if (entity == nullptr) {
      continue;
    }
    out.append(text, begin, at);
    out.append(entity, text.origin_at(at));
    begin = at + 1;
  }
  out.append(text, begin, text.size());
  return out;
}

Escaped escaped(const Value& string) {
  return {.text = string.markup ? string.text() : escape_text(string.text())};
}

}  // namespace dak::jinja
