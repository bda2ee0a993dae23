#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace dak {

/// Owns zeroed host bytes, aligned to 64. Moves, never copies.
class Buffer final {
 public:
  Buffer() = default;
  /// Allocates `bytes` zero bytes; aborts when memory is out, since sizes are planned before.
  explicit Buffer(int64_t bytes);

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  int64_t size_ = 0;
};

}  // namespace dak
