#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "dakkar/tensor/buffer.h"

namespace dak {

/// Scratch memory of one CPU thread. Grows when a kernel needs more than any before it, and keeps
/// what it has: a step repeated allocates nothing.
class Scratch final {
 public:
  /// `count` values with undefined contents, aligned to 64 bytes, until the next `rewind`.
  template <typename T>
  [[nodiscard]] std::span<T> take(int64_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= 64);
    std::byte* bytes = take_bytes(count * static_cast<int64_t>(sizeof(T)));
    return {reinterpret_cast<T*>(bytes), static_cast<size_t>(count)};
  }

  /// Takes back everything handed out.
  void rewind();

 private:
  [[nodiscard]] std::byte* take_bytes(int64_t bytes);

  std::vector<Buffer> blocks_;  ///< the last one is handed out from; one after `rewind`
  int64_t used_ = 0;            ///< bytes of the last block
};

}  // namespace dak
