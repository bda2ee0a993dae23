#pragma once

#include <cstdint>
#include <string>

#include "dakkar/base/error.h"
#include "dakkar/device/backend.h"

namespace dak {

/// Where the kernel says how much memory there is; replaced in tests.
struct HostMemoryFiles {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

/// Bytes this process may use: the smallest limit of its control groups (v2 or v1) and of their
/// parents, at most the machine's memory; 0 when nothing of it can be read.
[[nodiscard]] int64_t host_memory_limit_bytes(const HostMemoryFiles& files = {});

/// Zeroed host memory aligned to 2 MiB, committed page by page when first touched.
[[nodiscard]] Result<DeviceMemory> allocate_host_memory(int64_t bytes);

/// The processor's name and its cores as the system tells them, for people.
[[nodiscard]] std::string describe_processor(const HostMemoryFiles& files = {});

}  // namespace dak
