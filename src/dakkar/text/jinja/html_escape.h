#pragma once

#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Text that is safe to put into HTML.
struct Escaped {
  MarkedText text;
};

/// Replaces & < > ' " by entities, unless the string is markup already.
Escaped escaped(const Value& string);
MarkedText escape_text(const MarkedText& text);

/// Marks a string value as markup; leaves a failed one alone.
inline Value as_markup(Value value) {
  value.markup = value.is_string();
  return value;
}

}  // namespace dak::jinja
