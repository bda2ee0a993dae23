#include "dakkar/device/control_groups.h"

#include <fstream>

namespace dak {
namespace {

/// Whether the comma-separated `list` holds `name`.
bool lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (list.substr(0, comma) == name) {
      return true;
    }
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

/// The groups from `path` up to, but without, the root.
void add_along(std::vector<ControlGroup>& groups, const ControlGroup& root, std::string path) {
  while (path.size() > 1) {
    groups.push_back({.folder = root.folder + path, .version = root.version});
    const size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

std::vector<ControlGroup> control_groups(const HostFiles& files, std::string_view controller) {
  const ControlGroup two{.folder = files.cgroup, .version = CgroupVersion::kTwo};
  const ControlGroup one{.folder = files.cgroup + "/" + std::string(controller),
                         .version = CgroupVersion::kOne};
  std::vector<ControlGroup> groups{two, one};
  std::ifstream lines(files.proc + "/self/cgroup");
  // Lines are "hierarchy:controllers:path"; version 2 has hierarchy 0 and no controllers.
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string_view controllers =
        std::string_view(line).substr(first + 1, second - first - 1);
    if (controllers.empty()) {
      add_along(groups, two, line.substr(second + 1));
    } else if (lists(controllers, controller)) {
      add_along(groups, one, line.substr(second + 1));
    }
  }
  return groups;
}

}  // namespace dak
