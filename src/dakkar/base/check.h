#pragma once

#include <source_location>
#include <string_view>

namespace dak {

/// Prints `what` with its location to stderr and aborts.
[[noreturn]] void check_failed(std::string_view what, std::source_location where);

/// Aborts when `condition` is false: for our own bugs, on in release builds too, never for input.
inline void check(bool condition, std::string_view what,
                  std::source_location where = std::source_location::current()) {
  if (!condition) [[unlikely]] {
    check_failed(what, where);
  }
}

}  // namespace dak
