#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dak {

/// Zeroed pages, committed when first touched, that begin at a huge page and are huge ones where
/// the system has them. Stands at the beginning of its pages; they go back with the last holder.
class PageMapping final {
 public:
  /// Room for `bytes` at `data`; aborts when memory is out. The caller is the first holder.
  [[nodiscard]] static PageMapping* map(int64_t bytes);

  /// Aligned to 64.
  [[nodiscard]] std::byte* data();
  void join() { holders_.fetch_add(1); }
  void leave();

  /// For `map`.
  explicit PageMapping(size_t mapped) : mapped_(mapped) {}

 private:
  std::atomic<int64_t> holders_{1};
  size_t mapped_;  ///< bytes, this object's among them
};

}  // namespace dak
