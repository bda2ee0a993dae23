#include "dakkar/base/open_keys.h"

#include <functional>

namespace dak {
namespace {

/// Objects up to this size are searched from end to end.
constexpr size_t kFewKeys = 8;

}  // namespace

void OpenKeys::close_object() {
  const size_t first = objects_.back().first;
  objects_.pop_back();
  if (first < keys_.size()) {
    bytes_.resize(keys_[first].begin);
    keys_.resize(first);
  }
}

bool OpenKeys::add(std::string_view key) {
  Object& object = objects_.back();
  const size_t hash = std::hash<std::string_view>()(key);
  if (find(object, hash, key)) {
    return false;
  }
  keys_.push_back({.begin = bytes_.size(), .size = key.size(), .hash = hash});
  bytes_ += key;
  const size_t count = keys_.size() - object.first;
  if (count > kFewKeys && 2 * count > object.slots.size()) {
    grow(object);
  } else if (!object.slots.empty()) {
    enter(object, count);
  }
  return true;
}

bool OpenKeys::is(const Key& key, size_t hash, std::string_view text) const {
  return key.hash == hash && std::string_view(bytes_).substr(key.begin, key.size) == text;
}

bool OpenKeys::find(const Object& object, size_t hash, std::string_view text) const {
  if (object.slots.empty()) {
    for (size_t i = object.first; i < keys_.size(); ++i) {
      if (is(keys_[i], hash, text)) {
        return true;
      }
    }
    return false;
  }
  const size_t mask = object.slots.size() - 1;
  for (size_t at = hash & mask; object.slots[at] != 0; at = (at + 1) & mask) {
    if (is(keys_[object.first + object.slots[at] - 1], hash, text)) {
      return true;
    }
  }
  return false;
}

void OpenKeys::enter(Object& object, size_t number) const {
  const size_t mask = object.slots.size() - 1;
  size_t at = keys_[object.first + number - 1].hash & mask;
  while (object.slots[at] != 0) {
    at = (at + 1) & mask;
  }
  object.slots[at] = static_cast<uint32_t>(number);
}

void OpenKeys::grow(Object& object) const {
  const size_t count = keys_.size() - object.first;
  size_t size = 4 * kFewKeys;
  while (size < 4 * count) {
    size *= 2;
  }
  object.slots.assign(size, 0);
  for (size_t number = 1; number <= count; ++number) {
    enter(object, number);
  }
}

}  // namespace dak
