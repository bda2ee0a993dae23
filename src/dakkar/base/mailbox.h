#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "dakkar/base/clock.h"

namespace dak {

/// A bounded queue between threads, with an end: the only way threads of this program talk.
///
/// Closing wakes everyone; what is queued can still be taken.
template <typename T>
class Mailbox final {
 public:
  explicit Mailbox(size_t capacity) : capacity_(capacity) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Adds `item` at once or returns false: the box is full or closed. `item` is kept on failure.
  [[nodiscard]] bool try_push(T& item) {
    std::lock_guard lock(mutex_);
    if (closed_ || items_.size() >= capacity_) {
      return false;
    }
    items_.push_back(std::move(item));
    ready_.notify_one();
    return true;
  }

  /// Waits for room; returns false when the box is closed.
  [[nodiscard]] bool push(T item) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
    if (closed_) {
      return false;
    }
    items_.push_back(std::move(item));
    ready_.notify_one();
    return true;
  }

  /// Takes the oldest item if there is one.
  [[nodiscard]] std::optional<T> try_pop() {
    std::lock_guard lock(mutex_);
    return take_locked();
  }

  /// Waits for an item; nothing when the box is closed and empty.
  [[nodiscard]] std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return closed_ || !items_.empty(); });
    return take_locked();
  }

  /// As `pop`, but gives up at `deadline`.
  [[nodiscard]] std::optional<T> pop_until(SteadyTime deadline) {
    std::unique_lock lock(mutex_);
    ready_.wait_until(lock, deadline, [&] { return closed_ || !items_.empty(); });
    return take_locked();
  }

  /// Refuses further items and wakes all waiters.
  void close() {
    std::lock_guard lock(mutex_);
    closed_ = true;
    ready_.notify_all();
    room_.notify_all();
  }

  [[nodiscard]] bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  [[nodiscard]] size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  std::optional<T> take_locked() {
    if (items_.empty()) {
      return std::nullopt;
    }
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    room_.notify_one();
    return item;
  }

  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::condition_variable room_;
  std::deque<T> items_;
  const size_t capacity_;
  bool closed_ = false;
};

}  // namespace dak
