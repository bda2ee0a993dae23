#include "dakkar/cli/print_plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <fmt/core.h>

#include "dakkar/cli/model_summary.h"
#include "dakkar/device/host_memory.h"
#include "dakkar/engine/cache_pool.h"
#include "dakkar/engine/memory_plan.h"

namespace dak {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;

/// Bytes of `sequences` requests of `tokens` on one rank, in the pool's own extents.
int64_t cache_bytes(const CacheSpec& spec, int64_t tokens, int64_t sequences) {
  return CachePool::bytes_for(spec, sequences * CachePool::pages_for(spec, tokens), sequences,
                              carries_for(spec, sequences));
}

/// The most requests of `tokens` whose cache fits into `room`.
int64_t most_requests(const CacheSpec& spec, int64_t tokens, int64_t room) {
  int64_t low = 0;
  int64_t high = int64_t{1} << 20;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if (cache_bytes(spec, tokens, middle) <= room) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void print_row(const std::string& label, const std::string& value) {
  fmt::print("  {:<26} {}\n", label, value);
}

std::string grid_line(const RankGrid& grid) {
  if (grid.ranks() == 1) {
    return "one rank";
  }
  return fmt::format("{} ranks (tp {}, dp {}, ep {})", grid.ranks(), grid.tp, grid.dp, grid.ep);
}

/// Memory of one rank: what was asked about, else an equal part of this machine's.
int64_t rank_memory(const PlanQuestion& question) {
  if (question.memory_gib > 0.0) {
    return static_cast<int64_t>(question.memory_gib * kGib);
  }
  return host_memory_limit_bytes() / question.grid.ranks();
}

void print_fit(const PlanQuestion& question, const RankSizes& sizes, int64_t longest) {
  const int64_t memory = rank_memory(question);
  const int64_t room = memory - memory / 10 - sizes.weight_bytes;
  print_row("memory", fmt::format("{}{}", human_bytes(memory),
                                  question.memory_gib > 0.0 ? "" : ", this machine's share"));
  const int64_t one = cache_bytes(sizes.cache, longest, 1);
  if (room < one) {
    const double needed = static_cast<double>(sizes.weight_bytes + one) / 0.9 / kGib;
    print_row("does not fit",
              fmt::format("one request of {} tokens needs {:.1f} GiB a rank: more ranks (--tp), or "
                          "--max-model-len",
                          longest, std::ceil(needed * 10.0) / 10.0));
    return;
  }
  print_row("left for requests", fmt::format("{}, a tenth kept for steps", human_bytes(room)));
  for (const int64_t tokens : std::set<int64_t>{std::min<int64_t>(8192, longest),
                                                std::min<int64_t>(65536, longest), longest}) {
    print_row(
        fmt::format("fits, of {} tokens", tokens),
        fmt::format("{} requests", question.grid.dp * most_requests(sizes.cache, tokens, room)));
  }
}

}  // namespace

void print_plan(const PlanQuestion& question) {
  const RankSizes sizes = rank_sizes({.config = question.config,
                                      .quant = question.quant,
                                      .format_of = question.format_of,
                                      .state = question.state,
                                      .grid = question.grid});
  const CacheSpec& cache = sizes.cache;
  const int64_t longest =
      question.max_model_len > 0 ? question.max_model_len : question.config.max_positions;
  fmt::print("\n  memory of a rank, {}\n", grid_line(question.grid));
  print_row("weights", human_bytes(sizes.weight_bytes));
  print_row("KV page",
            fmt::format("{}   ({} tokens, {} KV)", human_bytes(cache.page_bytes), cache.page_tokens,
                        question.quant.fp8_kv_cache ? "fp8" : "bf16"));
  print_row("state slot",
            fmt::format("{}   ({} Mamba layers of {}, {})", human_bytes(cache.state_bytes()),
                        cache.state_layers, human_bytes(cache.state_layer_bytes),
                        name_of(question.state)));
  for (const int64_t tokens : std::set<int64_t>{std::min<int64_t>(8192, longest), longest}) {
    print_row(fmt::format("a request of {} tokens", tokens),
              human_bytes(cache_bytes(cache, tokens, 1)));
  }
  print_fit(question, sizes, longest);
}

}  // namespace dak
