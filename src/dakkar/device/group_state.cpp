#include "dakkar/device/group_state.h"

#include <fmt/core.h>

#include "dakkar/base/check.h"

namespace dak {
namespace {

std::string_view name_of(Collective kind) {
  switch (kind) {
    case Collective::kAllReduce:
      return "all_reduce";
    case Collective::kReduceScatter:
      return "reduce_scatter";
    case Collective::kAllGather:
      return "all_gather";
    case Collective::kAllToAll:
      return "all_to_all_v";
    case Collective::kBroadcast:
      return "broadcast";
    case Collective::kSplit:
      return "split";
  }
  return "?";
}

}  // namespace

std::string describe(const Ticket& ticket) {
  return fmt::format("{} number {}, {} bytes of {}, root {}", name_of(ticket.kind), ticket.sequence,
                     ticket.bytes, name_of(ticket.dtype), ticket.root);
}

void GroupState::meet() {
  std::unique_lock lock(mutex_);
  check(members_ == size(), "a collective was called after a rank had left the group");
  if (++waiting_ == size()) {
    waiting_ = 0;
    ++meetings_;
    all_here_.notify_all();
    return;
  }
  const int64_t mine = meetings_;
  all_here_.wait(lock, [&] { return meetings_ != mine; });
}

bool GroupState::leave() {
  const std::lock_guard lock(mutex_);
  check(waiting_ == 0, "a rank left its group while others wait for it in a collective");
  return --members_ == 0;
}

}  // namespace dak
