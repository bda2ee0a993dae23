#include "dakkar/engine/stream_table.h"

#include <limits>
#include <utility>
#include <vector>

namespace dak {

std::unique_ptr<TokenStream> StreamTable::open(uint64_t handle, std::function<void()> wake) {
  auto stream = std::make_unique<TokenStream>(handle, std::numeric_limits<size_t>::max(),
                                              std::move(wake), this);
  std::lock_guard lock(mutex_);
  streams_.emplace(handle, stream.get());
  return stream;
}

void StreamTable::publish(uint64_t handle, GenerationEvent event) {
  std::lock_guard lock(mutex_);
  publish_locked(handle, std::move(event));
}

void StreamTable::publish_locked(uint64_t handle, GenerationEvent event) {
  const auto found = streams_.find(handle);
  if (found == streams_.end()) {
    return;
  }
  TokenStream& stream = *found->second;
  const bool last = event.finish.has_value();
  stream.publish(std::move(event));
  if (last) {
    streams_.erase(found);
    empty_.notify_all();
    stream.close();
    stream.disown();
  }
}

int64_t StreamTable::end_all(const GenerationEvent& event) {
  std::lock_guard lock(mutex_);
  std::vector<uint64_t> handles;
  for (const auto& [handle, stream] : streams_) {
    handles.push_back(handle);
  }
  for (const uint64_t handle : handles) {
    publish_locked(handle, event);
  }
  return std::ssize(handles);
}

int64_t StreamTable::size() const {
  std::lock_guard lock(mutex_);
  return std::ssize(streams_);
}

bool StreamTable::wait_until_empty(SteadyTime deadline) const {
  std::unique_lock lock(mutex_);
  return empty_.wait_until(lock, deadline, [&] { return streams_.empty(); });
}

void StreamTable::stream_gone(uint64_t handle) {
  {
    std::lock_guard lock(mutex_);
    if (streams_.erase(handle) == 0) {
      return;
    }
    empty_.notify_all();
  }
  on_abandon_(handle);
}

}  // namespace dak
