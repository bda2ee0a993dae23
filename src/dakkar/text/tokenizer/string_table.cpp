#include "dakkar/text/tokenizer/string_table.h"

#include <algorithm>
#include <cstring>

namespace dak::tok {
namespace {

constexpr uint64_t kOddA = 0x9E3779B97F4A7C15ULL;
constexpr uint64_t kOddB = 0xD6E8FEB86659FD93ULL;

uint64_t mix(uint64_t value) {
  value ^= value >> 32;
  value *= kOddB;
  return value ^ (value >> 29);
}

uint32_t hash_of(std::string_view key) {
  uint64_t hash = key.size() * kOddA;
  size_t i = 0;
  for (; i + 8 <= key.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, key.data() + i, 8);
    hash = mix(hash ^ word) * kOddA;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, key.data() + i, key.size() - i);
  return static_cast<uint32_t>(mix(mix(hash ^ rest) * kOddA));
}

}  // namespace

void StringTable::set(std::string_view key, TokenId id) {
  if (2 * (count_ + 1) > static_cast<int64_t>(slots_.size())) {
    grow();
  }
  const uint32_t hash = hash_of(key);
  Slot& slot = slots_[slot_of(key, hash)];
  if (slot.begin < 0) {
    slot.hash = hash;
    slot.length = static_cast<uint32_t>(key.size());
    slot.begin = static_cast<int64_t>(buffer_.size());
    buffer_.append(key);
    ++count_;
    longest_ = std::max(longest_, static_cast<int64_t>(key.size()));
  }
  slot.id = id;
}

TokenId StringTable::find(std::string_view key) const {
  if (static_cast<int64_t>(key.size()) > longest_ || slots_.empty()) {
    return -1;
  }
  return slots_[slot_of(key, hash_of(key))].id;
}

size_t StringTable::slot_of(std::string_view key, uint32_t hash) const {
  const size_t mask = slots_.size() - 1;
  size_t i = hash & mask;
  while (slots_[i].begin >= 0) {
    const Slot& slot = slots_[i];
    if (slot.hash == hash && slot.length == key.size() &&
        std::string_view(buffer_).substr(static_cast<size_t>(slot.begin), slot.length) == key) {
      return i;
    }
    i = (i + 1) & mask;
  }
  return i;
}

void StringTable::grow() {
  std::vector<Slot> old(std::max<size_t>(64, 2 * slots_.size()));
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.begin < 0) {
      continue;
    }
    size_t i = slot.hash & mask;
    while (slots_[i].begin >= 0) {
      i = (i + 1) & mask;
    }
    slots_[i] = slot;
  }
}

}  // namespace dak::tok
