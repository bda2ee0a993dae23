#pragma once

#include <memory>
#include <vector>

#include "dakkar/base/rank_grid.h"
#include "dakkar/device/communicator.h"

namespace dak {

/// A rank's communicators in a grid.
struct RankGroups {
  std::unique_ptr<Communicator> world;  ///< all ranks
  std::unique_ptr<Communicator> tp;     ///< the rank's group
  std::unique_ptr<Communicator> kv;     ///< its neighbours in the group that share a KV head
};

/// Splits the world into the grid's groups; all ranks call it, each with its own communicator.
/// `kv_sharers` ranks of a tp group share a KV head, 1 if none do.
[[nodiscard]] RankGroups join_grid(std::unique_ptr<Communicator> world, const RankGrid& grid,
                                   int kv_sharers);

/// One communicator per rank of the grid, for threads of this process.
[[nodiscard]] std::vector<std::unique_ptr<Communicator>> make_world(const RankGrid& grid);

}  // namespace dak
