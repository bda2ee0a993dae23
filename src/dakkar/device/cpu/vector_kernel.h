#pragma once

#include "dakkar/device/host_kernel.h"
#include "dakkar/device/kernel_table.h"

namespace dak::cpu {

/// As `team_kernel` for arguments that `is_vectorised`; the others take the reference's entry.
template <typename Args, void (*kRun)(WorkerTeam&, const Args&), Kernel<Args> KernelTable::*kEntry>
void vector_kernel(Stream& stream, const Args& args) {
  if (is_vectorised(args)) {
    return team_kernel<Args, kRun>(stream, args);
  }
  (reference_kernels().*kEntry)(stream, args);
}

}  // namespace dak::cpu
