#pragma once

#include "dakkar/device/control_groups.h"

namespace dak {

/// Cores that this process may run on: those of its affinity mask.
[[nodiscard]] int allowed_cores();

/// Cores that this process may keep busy, at least 1: `allowed`, at most the smallest quota of its
/// control groups (v2 `cpu.max`, v1 `cpu.cfs_quota_us`), rounded up.
[[nodiscard]] int usable_cores(int allowed = allowed_cores(), const HostFiles& files = {});

/// Threads for each of `streams` streams that share the usable cores, at least 1.
[[nodiscard]] int threads_per_stream(int streams);

}  // namespace dak
