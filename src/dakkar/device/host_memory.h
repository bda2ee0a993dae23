#pragma once

#include <cstdint>
#include <string>

#include "dakkar/base/error.h"
#include "dakkar/device/backend.h"
#include "dakkar/device/control_groups.h"

namespace dak {

/// Bytes this process may use: the smallest limit of its control groups (v2 or v1) and of their
/// parents, at most the machine's memory; 0 when nothing of it can be read.
[[nodiscard]] int64_t host_memory_limit_bytes(const HostFiles& files = {});

/// Zeroed host memory aligned to 2 MiB, committed page by page when first touched; huge pages where
/// the system has them.
[[nodiscard]] Result<DeviceMemory> allocate_host_memory(int64_t bytes);

/// The processor's name and the cores that this process may use, for people.
[[nodiscard]] std::string describe_processor(const HostFiles& files = {});

}  // namespace dak
