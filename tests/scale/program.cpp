#include "scale/program.h"

#include <array>
#include <cstdio>

#include <sys/resource.h>
#include <sys/wait.h>

#include "dakkar/base/check.h"
#include "dakkar/base/clock.h"

namespace dak {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

double cpu_of_children() {
  rusage usage{};
  check(getrusage(RUSAGE_CHILDREN, &usage) == 0, "the kernel counts processor time");
  return seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
}

}  // namespace

ProgramRun run_program(const std::string& command) {
  ProgramRun run;
  const SteadyTime begin = steady_now();
  const double cpu_before = cpu_of_children();
  std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  check(pipe != nullptr, "a shell can be started");
  std::array<char, 4096> block{};
  while (const size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
    run.output.append(block.data(), got);
  }
  const int status = pclose(pipe);
  run.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  run.wall_seconds = seconds_between(begin, steady_now());
  run.cpu_seconds = cpu_of_children() - cpu_before;
  return run;
}

}  // namespace dak
