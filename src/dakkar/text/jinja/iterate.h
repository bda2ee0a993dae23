#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Says whether Python could iterate over the value; undefined can be, and is empty.
bool is_iterable(const Value& value);

/// `len()` of a value, or nothing when it has none.
std::optional<int64_t> length_of(const Value& value);

/// Walks a value: the elements of a list, the code points of a string, the keys of a dict, ...
/// Walking a generator uses it up. Building one over something else raises an error.
class Iterator {
 public:
  Iterator(Runtime& rt, const Value& source);
  /// Gets the next item; false at the end or after an error.
  bool next(Value& out);

 private:
  bool item_at(Value& out);

  Runtime* rt_;
  Value source_;
  int64_t at_ = 0;
};

/// Collects what an iterator gives; empty after an error.
std::vector<Value> collect(Runtime& rt, const Value& source);

/// Reads an element from an entry of a dict for `keys()`, `values()` or `items()`.
Value view_item(Runtime& rt, const DictObject::Entry& entry, ViewPart part);

}  // namespace dak::jinja
