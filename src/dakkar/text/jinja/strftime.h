#pragma once

#include <string>
#include <string_view>

#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {

/// Formats a time as Python's `strftime` does in the C locale: a A b B c d D e f F g G h H I j k l
/// m M n p P r R s S t T u U V w W x X y Y Z z and %, the flags `-`, `_`, `0`, `^`, `#` and a
/// width. Time zones print as nothing, as for Python's naive times. An unknown conversion stays as
/// it is.
std::string format_time(std::string_view format, const ClockTime& time);

}  // namespace dak::jinja
