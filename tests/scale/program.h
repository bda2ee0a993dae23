#pragma once

#include <string>

namespace dak {

/// What a program printed and took.
struct ProgramRun {
  int status = -1;     ///< exit status; -1 when it did not exit
  std::string output;  ///< standard output and errors
  double wall_seconds = 0.0;
  double cpu_seconds = 0.0;  ///< of it and its children: what other programs take is left out
};

/// Runs a shell command to its end.
[[nodiscard]] ProgramRun run_program(const std::string& command);

}  // namespace dak
