#include "dakkar/device/host_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>

#include <fmt/core.h>
#include <sys/mman.h>

#include "dakkar/device/usable_cores.h"

namespace dak {
namespace {

constexpr int64_t kAlignment = int64_t{2} << 20;
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

/// The number a limit file holds; no limit when it is absent or says "max".
int64_t limit_in(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  int64_t bytes = 0;
  if (!(file >> word)) {
    return kNoLimit;
  }
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), bytes);
  return error == std::errc() && bytes > 0 ? bytes : kNoLimit;
}

int64_t cgroup_limit(const HostFiles& files) {
  int64_t bytes = kNoLimit;
  for (const ControlGroup& group : control_groups(files, "memory")) {
    const bool old = group.version == CgroupVersion::kOne;
    bytes =
        std::min(bytes, limit_in(group.folder + (old ? "/memory.limit_in_bytes" : "/memory.max")));
  }
  return bytes;
}

int64_t machine_memory(const HostFiles& files) {
  std::ifstream info(files.proc + "/meminfo");
  std::string key;
  int64_t kibibytes = 0;
  while (info >> key >> kibibytes) {
    if (key == "MemTotal:") {
      return kibibytes * 1024;
    }
    info.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return kNoLimit;
}

}  // namespace

int64_t host_memory_limit_bytes(const HostFiles& files) {
  const int64_t bytes = std::min(cgroup_limit(files), machine_memory(files));
  return bytes == kNoLimit ? 0 : bytes;
}

Result<DeviceMemory> allocate_host_memory(int64_t bytes) {
  check(bytes >= 0, "an allocation's size is not negative");
  if (bytes == 0) {
    return DeviceMemory();
  }
  if (bytes > kNoLimit - 2 * kAlignment) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("cannot allocate {} bytes", bytes));
  }
  const auto mapped = static_cast<size_t>(bytes + kAlignment);
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("cannot allocate {} bytes", bytes));
  }
  const auto address = reinterpret_cast<uintptr_t>(raw);
  const uintptr_t skip = (kAlignment - address % kAlignment) % kAlignment;
  // Only a hint: systems without huge pages refuse it.
  static_cast<void>(
      madvise(static_cast<std::byte*>(raw) + skip, static_cast<size_t>(bytes), MADV_HUGEPAGE));
  return DeviceMemory(static_cast<std::byte*>(raw) + skip, bytes,
                      [raw, mapped](std::byte*) { munmap(raw, mapped); });
}

std::string describe_processor(const HostFiles& files) {
  std::ifstream info(files.proc + "/cpuinfo");
  std::string model = "x86-64";
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      model = line.substr(line.find(": ") + 2);
      break;
    }
  }
  return fmt::format("{}, {} cores", model, usable_cores(allowed_cores(), files));
}

}  // namespace dak
