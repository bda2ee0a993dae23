#include "dakkar/device/usable_cores.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <thread>

#include <sched.h>

namespace dak {
namespace {

/// The number that `word` is; nothing for "max" and other words.
std::optional<int64_t> number(const std::string& word) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() ? std::optional(value)
                                                                  : std::nullopt;
}

std::string word_in(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// Cores of time that a group may use; nothing when it is not limited.
std::optional<int64_t> quota_of(const ControlGroup& group) {
  std::string quota;
  std::string period;
  if (group.version == CgroupVersion::kTwo) {
    std::ifstream file(group.folder + "/cpu.max");
    file >> quota >> period;
  } else {
    quota = word_in(group.folder + "/cpu.cfs_quota_us");
    period = word_in(group.folder + "/cpu.cfs_period_us");
  }
  const std::optional<int64_t> used = number(quota);
  const std::optional<int64_t> of = number(period);
  if (!used || !of || *used <= 0 || *of <= 0) {
    return std::nullopt;
  }
  return (*used - 1) / *of + 1;
}

}  // namespace

int allowed_cores() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    return CPU_COUNT(&mask);
  }
  // The mask is too small for machines with more than 1,024 cores.
  return static_cast<int>(std::thread::hardware_concurrency());
}

int usable_cores(int allowed, const HostFiles& files) {
  int64_t cores = allowed;
  for (const ControlGroup& group : control_groups(files, "cpu")) {
    cores = std::min(cores, quota_of(group).value_or(cores));
  }
  return static_cast<int>(std::max<int64_t>(1, cores));
}

int threads_per_stream(int streams) {
  return std::max(1, usable_cores() / std::max(1, streams));
}

}  // namespace dak
