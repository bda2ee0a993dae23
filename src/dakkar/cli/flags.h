#pragma once

#include <variant>

#include "dakkar/cli/options.h"

namespace dak {

/// The program is done already: help was printed, or the command line is wrong and was explained.
struct ExitNow {
  int status = 0;
};

/// Reads the command line. Problems name the flag and go to stderr.
[[nodiscard]] std::variant<ExitNow, CommandOptions> parse_flags(int argc, char** argv);

}  // namespace dak
