#pragma once

#include "dakkar/base/error.h"

namespace dak {

/// The grid of ranks: `dp` groups of `tp` ranks each, a group's ranks side by side.
///
/// Attention, Mamba, MLPs, shared experts and the vocabulary are cut over the ranks of a group;
/// requests are dealt over the groups. Routed experts are cut like the rest when `ep` is 1, or
/// dealt whole over all ranks when it is their number.
struct RankGrid {
  int tp = 1;
  int dp = 1;
  int ep = 1;

  [[nodiscard]] int ranks() const { return tp * dp; }
  /// The group of a rank, 0 .. dp - 1.
  [[nodiscard]] int group_of(int rank) const { return rank / tp; }
  /// A rank's place within its group, 0 .. tp - 1.
  [[nodiscard]] int place_of(int rank) const { return rank % tp; }

  friend bool operator==(const RankGrid&, const RankGrid&) = default;
};

/// Errors, `kInvalidArgument`: sizes below 1, or `ep` neither 1 nor tp * dp.
[[nodiscard]] Status check_grid(const RankGrid& grid);

}  // namespace dak
