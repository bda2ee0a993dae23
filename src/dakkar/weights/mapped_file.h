#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "dakkar/base/error.h"

namespace dak {

/// A whole file mapped read-only. Moving it keeps addresses valid.
class MappedFile final {
 public:
  /// Maps a regular, non-empty file; links are followed. Errors name it.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }

  /// Tells the kernel that `part` is read now, in order, and what follows it in the file next:
  /// reading from disk goes on while the caller works.
  void will_need(std::span<const std::byte> part) const;
  /// Tells the kernel that `part` is no longer needed in memory; its contents stay readable.
  void release(std::span<const std::byte> part) const;

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::span<const std::byte> bytes_;
  mutable std::atomic<int64_t> ahead_begin_ = 0;  ///< what the kernel was last told to read
  mutable std::atomic<int64_t> ahead_end_ = 0;
};

}  // namespace dak
