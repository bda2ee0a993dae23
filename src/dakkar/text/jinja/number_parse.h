#pragma once

#include <cstdint>
#include <string>

namespace dak::jinja {

/// The result of reading an integer; `value` counts only when `state` is kOk.
struct ParsedInteger {
  enum class State : uint8_t { kOk, kBad, kTooLarge };
  State state = State::kBad;
  int64_t value = 0;
};

/// Python's `int(text, base)`: white space around, a sign, underscores between digits, a prefix
/// that fits the base; base 0 takes the prefix's. ASCII digits only.
ParsedInteger parse_python_int(const std::string& text, int64_t base);

/// Python's `float(text)`, `inf` and `nan` included; false when it is no number.
bool parse_python_float(const std::string& text, double& out);

}  // namespace dak::jinja
