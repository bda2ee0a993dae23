#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dakkar/text/jinja/marked_text.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Most characters that a width or precision may ask for.
inline constexpr int64_t kMaxFormatWidth = 10'000;

/// A parsed format: `[[fill]align][sign][#][0][width][,][.precision][type]`, or the same from a
/// percent conversion.
struct FormatSpec {
  std::string fill = " ";
  char align = '\0';  ///< '<', '>', '^', '=', or none
  char sign = '-';    ///< '-', '+' or ' '
  bool alternate = false;
  char grouping = '\0';  ///< ',' or '_'
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

/// Reads the part behind the colon of `{:...}`; raises on `rt` when it is malformed.
bool parse_format_spec(Runtime& rt, std::string_view text, FormatSpec& spec);

/// Formats a number with `spec.type` one of d b o x X c e E f F g G % or none; returns the padded
/// text. Raises when the type does not fit the number.
std::string format_number(Runtime& rt, const Value& number, const FormatSpec& spec);

/// Pads text to `spec.width` code points.
MarkedText pad(const MarkedText& text, const FormatSpec& spec);

}  // namespace dak::jinja
