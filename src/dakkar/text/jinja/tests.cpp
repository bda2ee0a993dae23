#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {
namespace {

bool no_arguments(Runtime& rt, const Arguments& args) {
  if (!args.empty()) {
    rt.raise("test takes no arguments");
  }
  return args.empty();
}

template <bool (*kPasses)(const Value&)>
Value simple(Runtime& rt, const Value& self, const Arguments& args) {
  return no_arguments(rt, args) ? Value::boolean_of(kPasses(self)) : Value::failed();
}

bool is_defined(const Value& v) {
  return !v.is_undefined();
}
bool is_undefined(const Value& v) {
  return v.is_undefined();
}
bool is_none(const Value& v) {
  return v.is(Kind::kNone);
}
bool is_boolean(const Value& v) {
  return v.is(Kind::kBool);
}
bool is_true(const Value& v) {
  return v.is(Kind::kBool) && v.boolean;
}
bool is_false(const Value& v) {
  return v.is(Kind::kBool) && !v.boolean;
}
bool is_integer(const Value& v) {
  return v.is(Kind::kInt);
}
bool is_float(const Value& v) {
  return v.is(Kind::kFloat);
}
bool is_number(const Value& v) {
  return v.is_number();
}
bool is_string(const Value& v) {
  return v.is_string();
}
bool is_mapping(const Value& v) {
  return v.is(Kind::kDict);
}
bool is_escaped(const Value& v) {
  return v.is_string() && v.markup;
}

bool is_iterable_value(const Value& v) {
  return is_iterable(v) || v.is(Kind::kLoop);
}

// What has a length and can be subscripted: undefined, too.
bool is_sequence(const Value& v) {
  return length_of(v).has_value() && !v.is(Kind::kView);
}

bool is_callable(const Value& v) {
  return v.is_undefined() || v.is(Kind::kMacro) || v.is(Kind::kFunction) || v.is(Kind::kMethod) ||
         v.is(Kind::kLoop) || v.is(Kind::kJoiner);
}

bool has_filter(const Value& v) {
  return v.is_string() && find_filter(v.bytes()) != nullptr;
}
bool has_test(const Value& v) {
  return v.is_string() && find_test(v.bytes()) != nullptr;
}

// `value % divisor` compared with a rest.
Value rest_is(Runtime& rt, const Value& value, const Value& divisor, int64_t rest) {
  const Value remainder = modulo(rt, value, divisor);
  if (remainder.is_failed()) {
    return remainder;
  }
  return compare(rt, CompareOp::kEq, remainder, Value::integer_of(rest));
}

template <int64_t kRest>
Value parity(Runtime& rt, const Value& self, const Arguments& args) {
  return no_arguments(rt, args) ? rest_is(rt, self, Value::integer_of(2), kRest) : Value::failed();
}

Value divisible_by(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "divisibleby", .parameters = {"num"}, .required = 1});
  return bound.ok() ? rest_is(rt, self, *bound.get(0), 0) : Value::failed();
}

template <CompareOp kOp>
Value compares(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "comparison", .parameters = {""}, .required = 1});
  return bound.ok() ? compare(rt, kOp, self, *bound.get(0)) : Value::failed();
}

Value is_in(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "in", .parameters = {"seq"}, .required = 1});
  return bound.ok() ? compare(rt, CompareOp::kIn, self, *bound.get(0)) : Value::failed();
}

Value same_as(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "sameas", .parameters = {"other"}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value& other = *bound.get(0);
  if (self.kind != other.kind) {
    return Value::boolean_of(false);
  }
  const bool by_value = self.is(Kind::kNone) || self.is_number() || self.is_string();
  return Value::boolean_of(by_value ? equals(rt, self, other) : self.object == other.object);
}

Value has_case(Runtime& rt, const Value& self, const Arguments& args, const char* method) {
  const Value string = no_arguments(rt, args) ? to_str(rt, self) : Value::failed();
  return string.is_failed() ? string : find_method(string, method)->function(rt, string, {});
}

Value is_lower_text(Runtime& rt, const Value& self, const Arguments& args) {
  return has_case(rt, self, args, "islower");
}

Value is_upper_text(Runtime& rt, const Value& self, const Arguments& args) {
  return has_case(rt, self, args, "isupper");
}

constexpr TestEntry kTests[] = {
    {"odd", parity<1>},
    {"even", parity<0>},
    {"divisibleby", divisible_by},
    {"defined", simple<is_defined>},
    {"undefined", simple<is_undefined>},
    {"filter", simple<has_filter>},
    {"test", simple<has_test>},
    {"none", simple<is_none>},
    {"boolean", simple<is_boolean>},
    {"false", simple<is_false>},
    {"true", simple<is_true>},
    {"integer", simple<is_integer>},
    {"float", simple<is_float>},
    {"number", simple<is_number>},
    {"lower", is_lower_text},
    {"upper", is_upper_text},
    {"string", simple<is_string>},
    {"mapping", simple<is_mapping>},
    {"sequence", simple<is_sequence>},
    {"iterable", simple<is_iterable_value>},
    {"callable", simple<is_callable>},
    {"sameas", same_as},
    {"escaped", simple<is_escaped>},
    {"in", is_in},
    {"==", compares<CompareOp::kEq>},
    {"eq", compares<CompareOp::kEq>},
    {"equalto", compares<CompareOp::kEq>},
    {"!=", compares<CompareOp::kNe>},
    {"ne", compares<CompareOp::kNe>},
    {">", compares<CompareOp::kGt>},
    {"gt", compares<CompareOp::kGt>},
    {"greaterthan", compares<CompareOp::kGt>},
    {">=", compares<CompareOp::kGe>},
    {"ge", compares<CompareOp::kGe>},
    {"<", compares<CompareOp::kLt>},
    {"lt", compares<CompareOp::kLt>},
    {"lessthan", compares<CompareOp::kLt>},
    {"<=", compares<CompareOp::kLe>},
    {"le", compares<CompareOp::kLe>},
};

}  // namespace

const TestEntry* find_test(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTests), std::end(kTests),
                                   [name](const TestEntry& entry) { return entry.name == name; });
  return found == std::end(kTests) ? nullptr : found;
}

}  // namespace dak::jinja
