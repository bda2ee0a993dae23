#pragma once

#include "dakkar/device/communicator.h"
#include "dakkar/device/kernel_table.h"
#include "dakkar/device/stream.h"
#include "dakkar/tensor/workspace.h"

namespace dak {

/// What an op needs to run on one rank; borrowed, one per rank, never shared between threads.
struct Context {
  Stream& stream;
  const KernelTable& kernels;
  Communicator& comm;  ///< the rank's tensor-parallel group
  Workspace& workspace;
  Communicator* world = nullptr;  ///< all ranks of the grid; null when nothing crosses groups
  Communicator* kv = nullptr;     ///< ranks that share a KV head; null when none do
};

}  // namespace dak
