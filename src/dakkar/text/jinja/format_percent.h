#pragma once

#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Python's `format % values`: flags, width, precision, `*`, `%(name)`, and the conversions
/// s r a d i u f F e E g G x X o c and %.
Value format_percent(Runtime& rt, const Value& format, const Value& values);

}  // namespace dak::jinja
