#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

class Runtime;

/// The evaluated arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string_view, Value>> keywords;

  bool empty() const { return positional.empty() && keywords.empty(); }
  const Value* keyword(std::string_view name) const;
};

/// A filter, test, method or global function written in C++. `self` is the filtered or tested
/// value, the object of a method, or `missing` for a global. Returns a failed value after an error.
using Native = Value (*)(Runtime& rt, const Value& self, const Arguments& args);

struct FilterEntry {
  std::string_view name;
  Native function;
};

struct TestEntry {
  std::string_view name;
  Native function;  ///< returns a boolean
};

/// Why a method of a Python type cannot be used, if so.
enum class MethodAccess : uint8_t { kAllowed, kMutates, kUnsupported };

struct MethodEntry {
  std::string_view name;
  Native function;
  MethodAccess access = MethodAccess::kAllowed;
};

/// Looks a filter or test up by name; null when there is none.
const FilterEntry* find_filter(std::string_view name);
const TestEntry* find_test(std::string_view name);

/// Looks up a method of the Python type that `self` has; null when the type has none of that name.
const MethodEntry* find_method(const Value& self, std::string_view name);

/// Looks up a global function (`namespace`, `range`, ...); null when there is none.
const MethodEntry* find_global(std::string_view name);

/// The tables that the look-ups search, one per source file.
std::span<const FilterEntry> text_filters();
std::span<const FilterEntry> layout_filters();
std::span<const FilterEntry> sequence_filters();
std::span<const FilterEntry> grouping_filters();
std::span<const FilterEntry> number_filters();
std::span<const FilterEntry> selection_filters();
std::span<const MethodEntry> string_case_methods();
std::span<const MethodEntry> string_search_methods();
std::span<const MethodEntry> string_split_methods();
std::span<const MethodEntry> container_methods(Kind kind);

/// What a native function calls itself and its parameters, the first `required` of them without
/// default.
struct Signature {
  std::string_view function;
  std::initializer_list<std::string_view> parameters;
  int64_t required = 0;
};

/// Arguments put in the order of their parameters, Python's rules. `ok` is false after an error
/// (too many, unknown keyword, given twice, missing), which has been raised.
class Bound {
 public:
  static constexpr size_t kMost = 6;
  Bound(Runtime& rt, const Arguments& args, const Signature& signature);
  bool ok() const { return ok_; }
  /// The argument, or null when it was not given.
  const Value* get(size_t index) const { return given_[index] ? &*given_[index] : nullptr; }
  /// The argument or `fallback`.
  Value get_or(size_t index, Value fallback) const {
    return given_[index] ? *given_[index] : fallback;
  }
  bool has(size_t index) const { return given_[index].has_value(); }

 private:
  bool ok_ = true;
  std::array<std::optional<Value>, kMost> given_;
};

}  // namespace dak::jinja
