#include "dakkar/bench/machine.h"

#include <algorithm>
#include <barrier>
#include <fstream>
#include <string>
#include <thread>

#include <pthread.h>
#include <sched.h>

#include "dakkar/base/clock.h"

namespace dak::bench {
namespace {

constexpr int64_t kUnknownCacheBytes = int64_t{32} << 20;
constexpr int kCacheLevels = 8;

/// "32768K" as the kernel writes it; 0 when there is no such file.
int64_t read_size(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  char unit = ' ';
  if (!(file >> number)) {
    return 0;
  }
  file >> unit;
  return unit == 'K' ? number << 10 : unit == 'M' ? number << 20 : number;
}

void pin_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  // A refusal only makes the figures noisier.
  static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof(set), &set));
}

}  // namespace

int64_t last_cache_bytes() {
  int64_t largest = 0;
  for (int index = 0; index < kCacheLevels; ++index) {
    largest = std::max(largest, read_size("/sys/devices/system/cpu/cpu0/cache/index" +
                                          std::to_string(index) + "/size"));
  }
  return largest > 0 ? largest : kUnknownCacheBytes;
}

std::vector<int> allowed_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int i = 0; i < CPU_SETSIZE; ++i) {
      if (CPU_ISSET(i, &set)) {
        processors.push_back(i);
      }
    }
  }
  return processors.empty() ? std::vector<int>{0} : processors;
}

void use_processors(int count) {
  const std::vector<int> processors = allowed_processors();
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = 0; i < std::min(static_cast<size_t>(count), processors.size()); ++i) {
    CPU_SET(processors[i], &set);
  }
  static_cast<void>(sched_setaffinity(0, sizeof(set), &set));
}

double run_pinned(int threads, const std::function<void(int)>& work) {
  const std::vector<int> processors = allowed_processors();
  const auto count = static_cast<size_t>(threads);
  std::vector<SteadyTime> begins(count);
  std::vector<SteadyTime> ends(count);
  std::barrier start(threads);
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      const auto index = static_cast<size_t>(i);
      pin_to(processors[index % processors.size()]);
      start.arrive_and_wait();
      begins[index] = steady_now();
      work(i);
      ends[index] = steady_now();
    });
  }
  for (std::thread& thread : running) {
    thread.join();
  }
  return seconds_between(*std::min_element(begins.begin(), begins.end()),
                         *std::max_element(ends.begin(), ends.end()));
}

}  // namespace dak::bench
