#include "dakkar/base/process_memory.h"

#include <fstream>
#include <limits>
#include <string>

namespace dak {

int64_t peak_resident_bytes() {
  // Not getrusage: its peak outlives an exec, so a small program would report its parent's.
  std::ifstream status("/proc/self/status");
  std::string key;
  while (status >> key) {
    if (key == "VmHWM:") {
      int64_t kibibytes = 0;
      status >> kibibytes;
      return kibibytes * 1024;
    }
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

}  // namespace dak
