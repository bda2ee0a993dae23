#pragma once

#include <string>

#include "dakkar/text/jinja/ast.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Python's truth of a value; undefined is false.
bool truthy(const Value& value);

/// `left op right` with Python's rules for numbers, strings, lists and tuples. Integers are 64
/// bits; beyond that is an error. Errors: raised on `rt`, the result is then failed.
Value binary_operator(Runtime& rt, BinaryOp op, const Value& left, const Value& right);
Value negate(Runtime& rt, const Value& value);
Value plus(Runtime& rt, const Value& value);

/// One comparison; the result is a boolean. Ordering of unlike types is an error, as in Python.
Value compare(Runtime& rt, CompareOp op, const Value& left, const Value& right);

/// Python's `==`.
bool equals(Runtime& rt, const Value& left, const Value& right, int32_t depth = 0);

/// Orders two values; sets `failed` on `rt` when Python cannot.
int order(Runtime& rt, const Value& left, const Value& right, int32_t depth = 0);

/// Sorts stably by key; the values move along with their keys.
struct Keyed {
  Value key;
  Value value;
};
enum class SortOrder : uint8_t { kAscending, kDescending };
void sort_keyed(Runtime& rt, std::vector<Keyed>& items, SortOrder order);

/// Says whether Python could hash the value; raises when not. Spends what one look-up of it takes.
bool check_hashable(Runtime& rt, const Value& value);

/// The name of the value's Python type, for messages.
std::string type_name(const Value& value);

/// Raises the error that using an undefined value means.
Value raise_undefined(Runtime& rt, const Value& value);

/// `a / b` and the rest of floor division, exposed for tests such as `divisibleby`.
Value modulo(Runtime& rt, const Value& left, const Value& right);

/// Reads an integer argument of a built-in; raises when it is none.
bool to_index(Runtime& rt, const Value& value, int64_t& out);

}  // namespace dak::jinja
