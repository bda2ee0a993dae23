#pragma once

#include <memory>
#include <vector>

#include "dakkar/device/communicator.h"

namespace dak {

/// Makes `size` communicators for threads of this process, rank i at index i. Host memory only.
///
/// Collectives block the calling thread until all ranks have arrived. A rank that destroys its
/// communicator while others wait is a bug and aborts them with a message.
[[nodiscard]] std::vector<std::unique_ptr<Communicator>> make_local_group(int size);

}  // namespace dak
