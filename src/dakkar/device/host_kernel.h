#pragma once

#include "dakkar/device/stream.h"

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

}  // namespace dak
