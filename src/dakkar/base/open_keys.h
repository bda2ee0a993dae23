#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dak {

/// The keys of the JSON objects that are open while a text is parsed, to find one that occurs
/// twice. Allocates per text, not per key: checkpoint headers have hundreds of thousands.
class OpenKeys final {
 public:
  void open_object() { objects_.push_back({.first = keys_.size(), .slots = {}}); }
  void close_object();
  /// Notes a key of the innermost object; false when that has it already.
  [[nodiscard]] bool add(std::string_view key);

 private:
  struct Key {
    size_t begin;  ///< in `bytes_`
    size_t size;
    size_t hash;
  };
  struct Object {
    size_t first;                 ///< its first key in `keys_`
    std::vector<uint32_t> slots;  ///< open addressing; 0 is free, else 1 + the key's number here
  };

  [[nodiscard]] bool is(const Key& key, size_t hash, std::string_view text) const;
  [[nodiscard]] bool find(const Object& object, size_t hash, std::string_view text) const;
  void enter(Object& object, size_t number) const;
  void grow(Object& object) const;

  std::string bytes_;
  std::vector<Key> keys_;
  std::vector<Object> objects_;
};

}  // namespace dak
