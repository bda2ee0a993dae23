#pragma once

#include <string>

#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Appends `str(value)`: `True`, `None`, `2.0`, `['a', 1]`; undefined prints as nothing. Text
/// inside keeps its origin, everything around it counts as the template's. Errors: raised on `rt`
/// when values are nested too deeply or the text passes the memory limit.
void append_str(Runtime& rt, MarkedText& out, const Value& value);

/// Appends `repr(value)`.
void append_repr(Runtime& rt, MarkedText& out, const Value& value);

/// `str(value)` on its own. A string is returned as it is, without its markup mark.
Value to_str(Runtime& rt, const Value& value);
MarkedText str_of(Runtime& rt, const Value& value);

/// Python's `repr` of a float: the shortest digits that read back the same.
std::string repr_float(double number);

}  // namespace dak::jinja
