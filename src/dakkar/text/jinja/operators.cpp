#include "dakkar/text/jinja/operators.h"

#include <cmath>
#include <limits>

#include <fmt/core.h>

#include "dakkar/text/jinja/format_percent.h"
#include "dakkar/text/jinja/html_escape.h"

namespace dak::jinja {
namespace {

const char* symbol_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSub:
      return "-";
    case BinaryOp::kMul:
      return "*";
    case BinaryOp::kDiv:
      return "/";
    case BinaryOp::kFloorDiv:
      return "//";
    case BinaryOp::kMod:
      return "%";
    case BinaryOp::kPow:
      return "** or pow()";
  }
  return "?";
}

Value unsupported(Runtime& rt, BinaryOp op, const Value& left, const Value& right) {
  return rt.raise(fmt::format("unsupported operand type(s) for {}: '{}' and '{}'", symbol_of(op),
                              type_name(left), type_name(right)));
}

Value too_large(Runtime& rt) {
  return rt.raise("integer result does not fit in 64 bits");
}

Value repeat(Runtime& rt, const Value& value, int64_t times) {
  times = times < 0 ? 0 : times;
  if (value.is_string()) {
    const int64_t size = value.string().bytes_size();
    if (size > 0 && times > rt.limits().output_bytes / size) {
      return rt.raise("repeated string is too long");
    }
    MarkedText out;
    for (int64_t i = 0; i < times; ++i) {
      out.append(value.text());
    }
    Value made = rt.text(std::move(out));
    made.markup = value.markup;
    return made;
  }
  const auto& items = value.items();
  const auto size = static_cast<int64_t>(items.size());
  if (size > 0 && times > rt.limits().steps / size) {
    return rt.raise("repeated list is too long");
  }
  if (!rt.spend(size * times) || !rt.room_for(size * times * 16)) {
    return Value::failed();
  }
  std::vector<Value> out;
  out.reserve(static_cast<size_t>(size * times));
  for (int64_t i = 0; i < times; ++i) {
    out.insert(out.end(), items.begin(), items.end());
  }
  return value.is(Kind::kList) ? rt.list(std::move(out)) : rt.tuple(std::move(out));
}

Value add(Runtime& rt, const Value& left, const Value& right) {
  if (left.is_string() && right.is_string()) {
    if (left.markup || right.markup) {
      MarkedText both = escaped(left).text;
      both.append(escaped(right).text);
      return as_markup(rt.text(std::move(both)));
    }
    return rt.joined(left, right);
  }
  const bool lists = left.is(Kind::kList) && right.is(Kind::kList);
  const bool tuples = left.is(Kind::kTuple) && right.is(Kind::kTuple);
  if (!lists && !tuples) {
    return unsupported(rt, BinaryOp::kAdd, left, right);
  }
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  const auto size = static_cast<int64_t>(items.size());
  if (!rt.spend(size) || !rt.room_for(size * 16)) {
    return Value::failed();
  }
  return lists ? rt.list(std::move(items)) : rt.tuple(std::move(items));
}

Value integer_power(Runtime& rt, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) {
      return rt.raise("0.0 cannot be raised to a negative power");
    }
    return Value::real_of(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  if (base == 0 || base == 1 || exponent == 0) {
    return Value::integer_of(exponent == 0 ? 1 : base);
  }
  if (base == -1) {
    return Value::integer_of(exponent % 2 == 0 ? 1 : -1);
  }
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) {
      return too_large(rt);
    }
  }
  return Value::integer_of(result);
}

Value integer_operator(Runtime& rt, BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  const bool divides = op == BinaryOp::kDiv || op == BinaryOp::kFloorDiv || op == BinaryOp::kMod;
  if (divides && b == 0) {
    return rt.raise(op == BinaryOp::kDiv ? "division by zero"
                                         : "integer division or modulo by zero");
  }
  switch (op) {
    case BinaryOp::kAdd:
      return __builtin_add_overflow(a, b, &result) ? too_large(rt) : Value::integer_of(result);
    case BinaryOp::kSub:
      return __builtin_sub_overflow(a, b, &result) ? too_large(rt) : Value::integer_of(result);
    case BinaryOp::kMul:
      return __builtin_mul_overflow(a, b, &result) ? too_large(rt) : Value::integer_of(result);
    case BinaryOp::kDiv:
      return Value::real_of(
          static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case BinaryOp::kFloorDiv:
      if (b == -1) {
        return __builtin_sub_overflow(int64_t{0}, a, &result) ? too_large(rt)
                                                              : Value::integer_of(result);
      }
      result = a / b;
      return Value::integer_of(a % b != 0 && (a < 0) != (b < 0) ? result - 1 : result);
    case BinaryOp::kMod:
      if (b == -1) {
        return Value::integer_of(0);
      }
      result = a % b;
      return Value::integer_of(result != 0 && (result < 0) != (b < 0) ? result + b : result);
    case BinaryOp::kPow:
      return integer_power(rt, a, b);
  }
  return Value::failed();
}

double float_modulo(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0.0) {
    return (b < 0.0) != (rest < 0.0) ? rest + b : rest;
  }
  return std::copysign(0.0, b);
}

double float_floor_division(double a, double b) {
  const double rest = float_modulo(a, b);
  const double quotient = (a - rest) / b;
  if (quotient == 0.0) {
    return std::copysign(0.0, a / b);
  }
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

Value real_power(Runtime& rt, double a, double b) {
  if (a == 0.0 && b < 0.0) {
    return rt.raise("0.0 cannot be raised to a negative power");
  }
  if (a < 0.0 && std::isfinite(b) && b != std::floor(b)) {
    return rt.raise("complex results are not supported");
  }
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) {
    return rt.raise("numerical result out of range");
  }
  return Value::real_of(result);
}

Value real_operator(Runtime& rt, BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::kDiv || op == BinaryOp::kFloorDiv || op == BinaryOp::kMod;
  if (divides && b == 0.0) {
    return rt.raise("float division by zero");
  }
  switch (op) {
    case BinaryOp::kAdd:
      return Value::real_of(a + b);
    case BinaryOp::kSub:
      return Value::real_of(a - b);
    case BinaryOp::kMul:
      return Value::real_of(a * b);
    case BinaryOp::kDiv:
      return Value::real_of(a / b);
    case BinaryOp::kFloorDiv:
      return Value::real_of(float_floor_division(a, b));
    case BinaryOp::kMod:
      return Value::real_of(float_modulo(a, b));
    case BinaryOp::kPow:
      return real_power(rt, a, b);
  }
  return Value::failed();
}

bool is_repeatable(const Value& value) {
  return value.is_string() || value.is(Kind::kList) || value.is(Kind::kTuple);
}

}  // namespace

Value binary_operator(Runtime& rt, BinaryOp op, const Value& left, const Value& right) {
  if (left.is_undefined() || right.is_undefined()) {
    const bool formats = op == BinaryOp::kMod && left.is_string();
    if (!formats) {
      return raise_undefined(rt, left.is_undefined() ? left : right);
    }
  }
  if (left.is_number() && right.is_number()) {
    if (left.is_integral() && right.is_integral()) {
      return integer_operator(rt, op, left.as_integer(), right.as_integer());
    }
    return real_operator(rt, op, left.as_real(), right.as_real());
  }
  if (op == BinaryOp::kAdd) {
    return add(rt, left, right);
  }
  if (op == BinaryOp::kMul && is_repeatable(left) && right.is_integral()) {
    return repeat(rt, left, right.as_integer());
  }
  if (op == BinaryOp::kMul && left.is_integral() && is_repeatable(right)) {
    return repeat(rt, right, left.as_integer());
  }
  if (op == BinaryOp::kMod && left.is_string()) {
    return format_percent(rt, left, right);
  }
  return unsupported(rt, op, left, right);
}

Value modulo(Runtime& rt, const Value& left, const Value& right) {
  return binary_operator(rt, BinaryOp::kMod, left, right);
}

Value negate(Runtime& rt, const Value& value) {
  if (value.is_undefined()) {
    return raise_undefined(rt, value);
  }
  if (value.is_integral()) {
    return integer_operator(rt, BinaryOp::kSub, 0, value.as_integer());
  }
  if (value.is(Kind::kFloat)) {
    return Value::real_of(-value.real);
  }
  return rt.raise(fmt::format("bad operand type for unary -: '{}'", type_name(value)));
}

Value plus(Runtime& rt, const Value& value) {
  if (value.is_undefined()) {
    return raise_undefined(rt, value);
  }
  if (value.is_integral()) {
    return Value::integer_of(value.as_integer());
  }
  if (value.is(Kind::kFloat)) {
    return value;
  }
  return rt.raise(fmt::format("bad operand type for unary +: '{}'", type_name(value)));
}

}  // namespace dak::jinja
