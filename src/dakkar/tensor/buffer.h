#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace dak {

class PageMapping;

/// Owns zeroed host bytes, aligned to 64. Moves, never copies. Large ones have pages of their own,
/// huge ones where the system has them, and give them back when they die.
class Buffer final {
 public:
  Buffer() = default;
  /// Allocates `bytes` zero bytes; aborts when memory is out, since sizes are planned before.
  explicit Buffer(int64_t bytes);

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  friend class PagePool;

  struct Free {
    PageMapping* pages;  ///< that the bytes lie in; none for memory of the heap

    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  int64_t size_ = 0;
};

}  // namespace dak
