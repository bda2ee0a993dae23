#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "dakkar/engine/model_loader.h"

namespace dak {

/// One sequence's state blocks as they lay in the arena after a step, layer after layer.
struct StateSnapshot {
  int64_t position = 0;  ///< tokens that the state stands for
  int64_t base = 0;      ///< `SlotHeader::base`
  std::vector<std::byte> blocks;
};

/// What one forward pass showed.
struct TappedForward {
  std::vector<std::vector<float>> logits;  ///< one row per drawing sequence
  std::vector<StateSnapshot> states;       ///< one per sequence; empty blocks where not wanted
};

/// Listens to the forward passes of each dp group's first rank: the logits of every drawn row, and
/// the states of sequences that have come to one of the wanted positions.
class ModelTap final {
 public:
  /// Tapped models also say that their pages take `least_page_bytes` when they need less.
  ModelTap(std::set<int64_t> state_positions, int64_t least_page_bytes)
      : state_positions_(std::move(state_positions)), least_page_bytes_(least_page_bytes) {}

  /// `loader`, whose models tell this tap what they do; the tap outlives them.
  [[nodiscard]] ModelLoader wrap(ModelLoader loader);
  /// Takes a group's oldest pass that was not taken yet.
  [[nodiscard]] TappedForward take(size_t group);

  [[nodiscard]] bool wants_state(int64_t position) const {
    return state_positions_.contains(position);
  }
  void note(size_t group, TappedForward forward);
  [[nodiscard]] int64_t least_page_bytes() const { return least_page_bytes_; }

 private:
  const std::set<int64_t> state_positions_;
  const int64_t least_page_bytes_;
  std::mutex mutex_;
  std::map<size_t, std::vector<TappedForward>> passes_;
};

}  // namespace dak
