#pragma once

#include <cstdint>
#include <mutex>

#include "dakkar/tensor/buffer.h"

namespace dak {

/// Hands out zeroed buffers that lie side by side in large mappings. A matrix of a few MiB with a
/// mapping of its own has up to 2 MiB of small pages at its end, which are read half as fast; here
/// only the end of a mapping has.
///
/// Safe from several threads. Buffers may outlive the pool; a mapping goes back with the last of
/// its buffers, once the pool has left it too.
class PagePool final {
 public:
  PagePool() = default;
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;
  ~PagePool();

  /// As `Buffer(bytes)`.
  [[nodiscard]] Buffer take(int64_t bytes);

 private:
  std::mutex mutex_;
  PageMapping* newest_ = nullptr;  ///< buffers are taken from it
  int64_t used_ = 0;               ///< bytes of it
};

}  // namespace dak
