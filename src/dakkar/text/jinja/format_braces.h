#pragma once

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {

/// Python's `str.format`: `{}`, `{0}`, `{name}`, `{a.b[0]}`, `!r` and `!s`, format specifications.
/// Attributes and indices follow the template's own rules, so no private attribute is reached.
Value format_braces(Runtime& rt, const Value& format, const Arguments& args);

}  // namespace dak::jinja
