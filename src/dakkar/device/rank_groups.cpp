#include "dakkar/device/rank_groups.h"

#include <utility>

#include "dakkar/device/local_group.h"

namespace dak {

RankGroups join_grid(std::unique_ptr<Communicator> world, const RankGrid& grid, int kv_sharers) {
  check(world->size() == grid.ranks(), "the world has one rank per place of the grid");
  RankGroups groups;
  groups.tp = world->split(grid.group_of(world->rank()));
  groups.kv = groups.tp->split(groups.tp->rank() / kv_sharers);
  groups.world = std::move(world);
  return groups;
}

std::vector<std::unique_ptr<Communicator>> make_world(const RankGrid& grid) {
  if (grid.ranks() > 1) {
    return make_local_group(grid.ranks());
  }
  std::vector<std::unique_ptr<Communicator>> world;
  world.push_back(make_self_group());
  return world;
}

}  // namespace dak
