#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dak {

/// Where the kernel says what this process may use; replaced in tests.
struct HostFiles {
  std::string proc = "/proc";
  std::string cgroup = "/sys/fs/cgroup";
};

enum class CgroupVersion { kOne, kTwo };

/// A control group that limits this process.
struct ControlGroup {
  std::string folder;
  CgroupVersion version = CgroupVersion::kTwo;
};

/// This process's groups of `controller` ("memory", "cpu") in either hierarchy, and all groups
/// above them: each of them limits it. The roots are listed even when /proc names no group, since a
/// container sees its own group as the root. Folders may not exist.
[[nodiscard]] std::vector<ControlGroup> control_groups(const HostFiles& files,
                                                       std::string_view controller);

}  // namespace dak
