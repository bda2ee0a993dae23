#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/core.h>

#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/operators.h"

namespace dak::jinja {
namespace {

bool is_sequence(const Value& value) {
  return value.is(Kind::kList) || value.is(Kind::kTuple);
}

int number_order(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    const int64_t a = left.as_integer();
    const int64_t b = right.as_integer();
    return a < b ? -1 : (a > b ? 1 : 0);
  }
  const auto a = left.is_integral() ? static_cast<long double>(left.as_integer())
                                    : static_cast<long double>(left.real);
  const auto b = right.is_integral() ? static_cast<long double>(right.as_integer())
                                     : static_cast<long double>(right.real);
  return a < b ? -1 : (a > b ? 1 : 0);
}

bool is_nan(const Value& value) {
  return value.is(Kind::kFloat) && std::isnan(value.real);
}

// Identity or equality, as containers compare their elements.
bool same(Runtime& rt, const Value& left, const Value& right, int32_t depth) {
  if (is_nan(left) && is_nan(right)) {
    return std::memcmp(&left.real, &right.real, sizeof(double)) == 0;
  }
  return equals(rt, left, right, depth);
}

bool dicts_equal(Runtime& rt, const DictObject& left, const DictObject& right, int32_t depth) {
  if (left.size() != right.size()) {
    return false;
  }
  return std::all_of(left.entries().begin(), left.entries().end(), [&](const auto& entry) {
    const Value* other = right.find(entry.first);
    return other != nullptr && same(rt, entry.second, *other, depth + 1);
  });
}

bool ranges_equal(const RangeObject& a, const RangeObject& b) {
  const int64_t length = a.length();
  if (length != b.length()) {
    return false;
  }
  return length == 0 || (a.start == b.start && (length == 1 || a.step == b.step));
}

Value contains(Runtime& rt, const Value& needle, const Value& haystack) {
  if (haystack.is_string()) {
    if (!needle.is_string()) {
      return rt.raise(
          fmt::format("'in <string>' requires string as left operand, not {}", type_name(needle)));
    }
    const std::string& hay = haystack.bytes();
    const std::string& part = needle.bytes();
    rt.spend(static_cast<int64_t>(hay.size()) / 256);
    const void* found =
        part.empty() ? hay.data() : memmem(hay.data(), hay.size(), part.data(), part.size());
    return Value::boolean_of(found != nullptr);
  }
  if (haystack.is(Kind::kDict)) {
    return check_hashable(rt, needle) ? Value::boolean_of(haystack.dict().find(needle) != nullptr)
                                      : Value::failed();
  }
  if (haystack.is(Kind::kNamespace) || !is_iterable(haystack)) {
    return rt.raise(fmt::format("argument of type '{}' is not iterable", type_name(haystack)));
  }
  Iterator walk(rt, haystack);
  Value item;
  while (walk.next(item)) {
    if (same(rt, item, needle, 0)) {
      return Value::boolean_of(true);
    }
  }
  return rt.failed() ? Value::failed() : Value::boolean_of(false);
}

const char* symbol_of(CompareOp op) {
  switch (op) {
    case CompareOp::kLt:
      return "<";
    case CompareOp::kLe:
      return "<=";
    case CompareOp::kGt:
      return ">";
    case CompareOp::kGe:
      return ">=";
    case CompareOp::kEq:
    case CompareOp::kNe:
    case CompareOp::kIn:
    case CompareOp::kNotIn:
      break;
  }
  return "==";
}

bool orderable(const Value& left, const Value& right) {
  return (left.is_number() && right.is_number()) || (left.is_string() && right.is_string()) ||
         (is_sequence(left) && left.kind == right.kind);
}

// `left op right`.
struct Comparison {
  CompareOp op;
  const Value& left;
  const Value& right;
};

// The order of two sequences is that of their first unequal elements.
Value compare_sequences(Runtime& rt, const Comparison& what, int32_t depth);

Value compare_ordered(Runtime& rt, const Comparison& what, int32_t depth) {
  const auto& [op, left, right] = what;
  if (left.is_undefined() || right.is_undefined()) {
    return raise_undefined(rt, left.is_undefined() ? left : right);
  }
  if (!orderable(left, right)) {
    return rt.raise(fmt::format("'{}' not supported between instances of '{}' and '{}'",
                                symbol_of(op), type_name(left), type_name(right)));
  }
  if (is_sequence(left)) {
    return compare_sequences(rt, what, depth);
  }
  if (is_nan(left) || is_nan(right)) {
    return Value::boolean_of(false);
  }
  const int sign =
      left.is_string() ? left.bytes().compare(right.bytes()) : number_order(left, right);
  const bool truth = (op == CompareOp::kLt && sign < 0) || (op == CompareOp::kLe && sign <= 0) ||
                     (op == CompareOp::kGt && sign > 0) || (op == CompareOp::kGe && sign >= 0);
  return Value::boolean_of(truth);
}

Value compare_sequences(Runtime& rt, const Comparison& what, int32_t depth) {
  if (depth > kMaxValueDepth) {
    return rt.raise("values are nested too deeply to compare");
  }
  const auto& a = what.left.items();
  const auto& b = what.right.items();
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!rt.spend(1)) {
      return Value::failed();
    }
    if (!same(rt, a[i], b[i], depth + 1)) {
      return rt.failed() ? Value::failed() : compare_ordered(rt, {what.op, a[i], b[i]}, depth + 1);
    }
  }
  const auto size_of = [](const auto& items) {
    return Value::integer_of(static_cast<int64_t>(items.size()));
  };
  const Value left = size_of(a);
  const Value right = size_of(b);
  return compare_ordered(rt, {what.op, left, right}, depth + 1);
}

}  // namespace

bool truthy(const Value& value) {
  switch (value.kind) {
    case Kind::kFailed:
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.boolean;
    case Kind::kInt:
      return value.integer != 0;
    case Kind::kFloat:
      return value.real != 0.0;
    case Kind::kString:
      return value.string().bytes_size() > 0;
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return value.dict().size() > 0;
    case Kind::kView:
      return value.as<ViewObject>().dict->size() > 0;
    case Kind::kRange:
      return value.as<RangeObject>().length() > 0;
    case Kind::kGenerator:
    case Kind::kNamespace:
    case Kind::kMacro:
    case Kind::kFunction:
    case Kind::kMethod:
    case Kind::kLoop:
    case Kind::kCycler:
    case Kind::kJoiner:
      return true;
  }
  return false;
}

bool equals(Runtime& rt, const Value& left, const Value& right, int32_t depth) {
  if (depth > kMaxValueDepth) {
    rt.raise("values are nested too deeply to compare");
    return false;
  }
  if (!rt.spend(1)) {
    return false;
  }
  if (left.is_number() && right.is_number()) {
    return !is_nan(left) && !is_nan(right) && number_order(left, right) == 0;
  }
  if (left.kind != right.kind) {
    return false;
  }
  if (left.is_undefined() || left.is(Kind::kNone)) {
    return true;
  }
  if (left.is_string()) {
    rt.spend(left.string().bytes_size() / 256);
    return left.string().bytes_size() == right.string().bytes_size() &&
           left.bytes() == right.bytes();
  }
  if (is_sequence(left)) {
    return left.items().size() == right.items().size() &&
           std::equal(left.items().begin(), left.items().end(), right.items().begin(),
                      [&](const Value& a, const Value& b) { return same(rt, a, b, depth + 1); });
  }
  if (left.is(Kind::kDict)) {
    return dicts_equal(rt, left.dict(), right.dict(), depth);
  }
  if (left.is(Kind::kRange)) {
    return ranges_equal(left.as<RangeObject>(), right.as<RangeObject>());
  }
  return left.object == right.object;
}

int order(Runtime& rt, const Value& left, const Value& right, int32_t depth) {
  const Value less = compare_ordered(rt, {CompareOp::kLt, left, right}, depth);
  if (less.is_failed() || less.boolean) {
    return -1;
  }
  return equals(rt, left, right) ? 0 : 1;
}

Value compare(Runtime& rt, CompareOp op, const Value& left, const Value& right) {
  switch (op) {
    case CompareOp::kEq:
    case CompareOp::kNe: {
      const bool equal = equals(rt, left, right);
      return rt.failed() ? Value::failed() : Value::boolean_of(equal == (op == CompareOp::kEq));
    }
    case CompareOp::kIn:
      return contains(rt, left, right);
    case CompareOp::kNotIn: {
      const Value found = contains(rt, left, right);
      return found.is_failed() ? found : Value::boolean_of(!found.boolean);
    }
    case CompareOp::kLt:
    case CompareOp::kLe:
    case CompareOp::kGt:
    case CompareOp::kGe:
      return compare_ordered(rt, {op, left, right}, 0);
  }
  return Value::failed();
}

// A merge sort of our own: a comparison may fail, and must then not upset the algorithm.
void sort_keyed(Runtime& rt, std::vector<Keyed>& items, SortOrder direction) {
  const bool reverse = direction == SortOrder::kDescending;
  const auto less = [&](const Keyed& a, const Keyed& b) {
    if (rt.failed() || !rt.spend(1)) {
      return false;
    }
    const Value result = compare_ordered(rt, {CompareOp::kLt, a.key, b.key}, 0);
    return !result.is_failed() && result.boolean;
  };
  if (reverse) {
    std::reverse(items.begin(), items.end());
  }
  std::vector<Keyed> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const auto at = [&](size_t offset) {
        return items.begin() + static_cast<int64_t>(std::min(offset, items.size()));
      };
      std::merge(at(begin), at(begin + width), at(begin + width), at(begin + 2 * width),
                 merged.begin() + static_cast<int64_t>(begin), less);
    }
    items.swap(merged);
  }
  if (reverse) {
    std::reverse(items.begin(), items.end());
  }
}

namespace {

// What a look-up may compare is paid for here, since comparing keys does not.
bool check_key(Runtime& rt, const Value& value, int32_t depth) {
  if (depth > kMaxValueDepth) {
    rt.raise("values are nested too deeply for a key");
    return false;
  }
  if (!rt.spend(value.is_string() ? 1 + value.string().bytes_size() / 256 : 1)) {
    return false;
  }
  if (value.is(Kind::kList) || value.is(Kind::kDict)) {
    rt.raise(fmt::format("unhashable type: '{}'", type_name(value)));
    return false;
  }
  if (value.is(Kind::kTuple)) {
    return std::all_of(value.items().begin(), value.items().end(),
                       [&](const Value& item) { return check_key(rt, item, depth + 1); });
  }
  return true;
}

}  // namespace

bool check_hashable(Runtime& rt, const Value& value) {
  return check_key(rt, value, 0);
}

std::string type_name(const Value& value) {
  switch (value.kind) {
    case Kind::kFailed:
    case Kind::kMissing:
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "NoneType";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return value.markup ? "Markup" : "str";
    case Kind::kList:
      return "list";
    case Kind::kTuple:
      return "tuple";
    case Kind::kDict:
      return "dict";
    case Kind::kView:
      return "dict view";
    case Kind::kRange:
      return "range";
    case Kind::kGenerator:
      return "generator";
    case Kind::kNamespace:
      return "Namespace";
    case Kind::kMacro:
      return "Macro";
    case Kind::kFunction:
      return "function";
    case Kind::kMethod:
      return "builtin_function_or_method";
    case Kind::kLoop:
      return "LoopContext";
    case Kind::kCycler:
      return "Cycler";
    case Kind::kJoiner:
      return "Joiner";
  }
  return "object";
}

Value raise_undefined(Runtime& rt, const Value& value) {
  const bool known = value.is_undefined() && value.object != nullptr;
  return rt.raise(known ? value.as<UndefinedObject>().message : "value is undefined");
}

bool to_index(Runtime& rt, const Value& value, int64_t& out) {
  if (value.is_integral()) {
    out = value.as_integer();
    return true;
  }
  rt.raise(fmt::format("'{}' object cannot be interpreted as an integer", type_name(value)));
  return false;
}

}  // namespace dak::jinja
