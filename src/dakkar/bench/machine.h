#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace dak::bench {

/// Bytes of the largest cache that the system tells of; 32 MiB when it tells nothing.
[[nodiscard]] int64_t last_cache_bytes();

/// The processors this thread may run on, ascending.
[[nodiscard]] std::vector<int> allowed_processors();

/// Keeps this thread, and those that it starts from now on, to the first `count` of its processors.
void use_processors(int count);

/// Runs `work(i)` for i below `threads` at once, each on a processor of its own as far as there are
/// any, and gives the seconds from their common start to the end of the last one.
double run_pinned(int threads, const std::function<void(int)>& work);

}  // namespace dak::bench
