#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/token_id.h"

namespace dak::tok {

/// A map from strings to ids, filled once, then read by many threads.
///
/// Open addressing over one buffer: 131,072 tokens cost about 4 MiB and a lookup one probe.
class StringTable final {
 public:
  /// Sets `key` to `id`, replacing what it had.
  void set(std::string_view key, TokenId id);

  /// The id of `key`, or -1.
  [[nodiscard]] TokenId find(std::string_view key) const;

  /// Number of keys.
  [[nodiscard]] int64_t size() const { return count_; }

  /// Bytes of the longest key.
  [[nodiscard]] int64_t longest() const { return longest_; }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t length = 0;
    int64_t begin = -1;  // in buffer_, -1 for an empty slot
    TokenId id = -1;
  };

  [[nodiscard]] size_t slot_of(std::string_view key, uint32_t hash) const;
  void grow();

  std::string buffer_;
  std::vector<Slot> slots_;
  int64_t count_ = 0;
  int64_t longest_ = 0;
};

}  // namespace dak::tok
