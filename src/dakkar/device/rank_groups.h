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
};

/// Splits the world into the grid's groups; all ranks call it, each with its own communicator.
[[nodiscard]] RankGroups join_grid(std::unique_ptr<Communicator> world, const RankGrid& grid);

/// One communicator per rank of the grid, for threads of this process.
[[nodiscard]] std::vector<std::unique_ptr<Communicator>> make_world(const RankGrid& grid);

}  // namespace dak
