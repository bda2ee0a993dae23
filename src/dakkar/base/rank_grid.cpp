#include "dakkar/base/rank_grid.h"

#include <fmt/core.h>

namespace dak {

Status check_grid(const RankGrid& grid) {
  if (grid.tp < 1 || grid.dp < 1 || grid.ep < 1) {
    return fail(ErrorCode::kInvalidArgument, "a parallel size is below 1", "tensor_parallel_size");
  }
  if (grid.ep != 1 && grid.ep != grid.ranks()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("experts are dealt over all {} ranks or not at all, not over {}",
                            grid.ranks(), grid.ep),
                "expert_parallel_size");
  }
  return {};
}

}  // namespace dak
