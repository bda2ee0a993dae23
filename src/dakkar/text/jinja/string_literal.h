#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dakkar/base/error.h"

namespace dak::jinja {

/// A number at the start of some text; `length` 0 means that there is none.
struct NumberLiteral {
  int64_t length = 0;
  bool is_real = false;
  bool too_large = false;
  int64_t integer = 0;
  double real = 0.0;
};

/// Whether a number follows a dot, where only integers are read: `a.0.1` is two subscripts.
enum class NumberPlace : uint8_t { kElsewhere, kAfterDot };

/// Reads an integer (decimal, 0x, 0o, 0b; underscores) or a float (fraction or exponent).
NumberLiteral read_number(std::string_view text, NumberPlace place);

/// Decodes the inside of a quoted string: Python's escapes; an unknown escape stays as it is.
/// Errors: kInvalidArgument for a truncated escape or a surrogate.
Result<std::string> decode_string(std::string_view body);

/// Cuts white space (as Python sees it) off the end or the start.
std::string_view trim_right(std::string_view text);
std::string_view trim_left(std::string_view text);

}  // namespace dak::jinja
