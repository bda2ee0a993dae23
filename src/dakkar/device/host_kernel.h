#pragma once

#include "dakkar/device/stream.h"
#include "dakkar/device/worker_team.h"

namespace dak {

/// Makes a `Kernel<Args>` of a plain host function: runs it at once, or records it with a copy of
/// its arguments while the stream is capturing.
template <typename Args, void (*kRun)(const Args&)>
void host_kernel(Stream& stream, const Args& args) {
  if (stream.recording()) {
    stream.launch([args] { kRun(args); });
    return;
  }
  kRun(args);
}

/// As `host_kernel` for a function that spreads its work over the stream's team, now or when the
/// record is replayed. The team's kernel scratch is the function's until it returns.
template <typename Args, void (*kRun)(WorkerTeam&, const Args&)>
void team_kernel(Stream& stream, const Args& args) {
  WorkerTeam& team = stream.team();
  const auto run = [&team](const Args& now) {
    kRun(team, now);
    team.kernel_scratch().rewind();
  };
  if (stream.recording()) {
    stream.launch([run, args] { run(args); });
    return;
  }
  run(args);
}

}  // namespace dak
