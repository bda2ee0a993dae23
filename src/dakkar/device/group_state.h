#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dakkar/device/communicator.h"

namespace dak {

enum class Collective { kAllReduce, kReduceScatter, kAllGather, kAllToAll, kBroadcast, kSplit };

/// What a rank says it is about to do; all ranks of a group must say the same.
struct Ticket {
  int64_t sequence = 0;
  Collective kind = Collective::kAllReduce;
  int64_t bytes = 0;
  DType dtype = DType::kF32;
  int root = 0;

  bool operator==(const Ticket&) const = default;
};

/// For messages: "all_reduce number 3, 64 bytes of f32".
[[nodiscard]] std::string describe(const Ticket& ticket);

class GroupState;

/// What a rank shows the others during one collective.
struct Post {
  Ticket ticket = {};
  TensorView from = {};
  TensorView to = {};
  const int32_t* send_rows = nullptr;
  int color = 0;
  GroupState* child = nullptr;  ///< split: the new group of this rank's color
};

/// What the ranks of one group share. Freed by the last `GroupMember`.
class GroupState final {
 public:
  explicit GroupState(int size) : posts_(static_cast<size_t>(size)), members_(size) {}

  [[nodiscard]] int size() const { return static_cast<int>(posts_.size()); }
  [[nodiscard]] Post& post(int rank) { return posts_[static_cast<size_t>(rank)]; }

  /// Waits until all ranks are here; aborts when one has left the group. What a rank wrote before
  /// is visible to all afterwards.
  void meet();
  /// Gives up one membership; true for the last. Aborts when other ranks are waiting.
  [[nodiscard]] bool leave();

 private:
  std::vector<Post> posts_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  int members_;
  int waiting_ = 0;
  int64_t meetings_ = 0;
};

/// One rank's share in a group's state.
class GroupMember final {
 public:
  explicit GroupMember(GroupState* state) : state_(state) {}
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;
  ~GroupMember() {
    if (state_->leave()) {
      const std::unique_ptr<GroupState> last(state_);
    }
  }

  [[nodiscard]] GroupState& state() const { return *state_; }

 private:
  GroupState* state_;
};

}  // namespace dak
