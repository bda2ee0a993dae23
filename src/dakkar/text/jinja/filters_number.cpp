#include <cmath>
#include <cstdlib>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/number_parse.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {
namespace {

Value absolute(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "abs", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (self.is(Kind::kFloat)) {
    return Value::real_of(std::fabs(self.real));
  }
  if (self.is_integral()) {
    return self.as_integer() < 0 ? negate(rt, self) : plus(rt, self);
  }
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  return rt.raise(fmt::format("bad operand type for abs(): '{}'", type_name(self)));
}

bool fits_integer(double number) {
  return number > -9.2233720368547e18 && number < 9.2233720368547e18;
}

Value truncated(Runtime& rt, double number) {
  return fits_integer(number) ? Value::integer_of(static_cast<int64_t>(number))
                              : rt.raise("number does not fit in 64 bits");
}

// `int(text, base)`, or what `int(float(text))` gives, or the default.
Value int_of_text(Runtime& rt, const std::string& text, int64_t base, const Value& fallback) {
  const ParsedInteger integer = parse_python_int(text, base);
  if (integer.state == ParsedInteger::State::kTooLarge) {
    return rt.raise("number does not fit in 64 bits");
  }
  if (integer.state == ParsedInteger::State::kOk) {
    return Value::integer_of(integer.value);
  }
  double real = 0.0;
  if (!parse_python_float(text, real) || !std::isfinite(real)) {
    return fallback;
  }
  return truncated(rt, real);
}

Value to_int(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "int", .parameters = {"default", "base"}, .required = 0});
  int64_t base = 10;
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value fallback = bound.get_or(0, Value::integer_of(0));
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  if (self.is_integral()) {
    return Value::integer_of(self.as_integer());
  }
  if (self.is(Kind::kFloat)) {
    if (std::isinf(self.real)) {
      return rt.raise("cannot convert float infinity to integer");
    }
    return std::isnan(self.real) ? fallback : truncated(rt, self.real);
  }
  if (!self.is_string()) {
    return fallback;
  }
  if (bound.has(1) && !bound.get(1)->is_integral()) {
    base = -1;
  } else if (bound.has(1)) {
    base = bound.get(1)->as_integer();
  }
  return int_of_text(rt, self.bytes(), base, fallback);
}

Value to_float(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "float", .parameters = {"default"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  if (self.is_number()) {
    return Value::real_of(self.as_real());
  }
  double real = 0.0;
  if (self.is_string() && parse_python_float(self.bytes(), real)) {
    return Value::real_of(real);
  }
  return bound.get_or(0, Value::real_of(0.0));
}

// Half to even at a power of ten, for a negative number of digits.
Value round_integer(Runtime& rt, int64_t number, int64_t digits) {
  if (digits >= 0) {
    return Value::integer_of(number);
  }
  if (digits < -18) {
    return Value::integer_of(0);
  }
  int64_t unit = 1;
  for (int64_t i = 0; i < -digits; ++i) {
    unit *= 10;
  }
  int64_t quotient = number / unit;
  int64_t rest = number % unit;
  if (rest < 0) {
    rest += unit;
    --quotient;
  }
  const int64_t twice = rest - (unit - rest);
  if (twice > 0 || (twice == 0 && quotient % 2 != 0)) {
    ++quotient;
  }
  int64_t result = 0;
  return __builtin_mul_overflow(quotient, unit, &result)
             ? rt.raise("number does not fit in 64 bits")
             : Value::integer_of(result);
}

double round_real(double number, int64_t digits) {
  if (!std::isfinite(number) || digits > 300) {
    return number;
  }
  if (digits < 0) {
    const double unit = std::pow(10.0, static_cast<double>(-digits));
    return std::isinf(unit) ? std::copysign(0.0, number) : std::nearbyint(number / unit) * unit;
  }
  return std::strtod(fmt::format("{:.{}f}", number, digits).c_str(), nullptr);
}

Value round_filter(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "round", .parameters = {"precision", "method"}, .required = 0});
  int64_t digits = 0;
  if (!bound.ok() || (bound.has(0) && !to_index(rt, *bound.get(0), digits))) {
    return Value::failed();
  }
  const Value name = bound.get_or(1, Value::none());
  const std::string method =
      !bound.has(1) ? "common" : (name.is_string() ? name.bytes() : std::string());
  if (method != "common" && method != "ceil" && method != "floor") {
    return rt.raise("method must be common, ceil or floor");
  }
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  if (!self.is_number()) {
    return rt.raise(fmt::format("type {} doesn't define __round__ method", type_name(self)));
  }
  if (method == "common") {
    return self.is_integral() ? round_integer(rt, self.as_integer(), digits)
                              : Value::real_of(round_real(self.real, digits));
  }
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = self.as_real() * unit;
  if (!std::isfinite(scaled) || unit == 0.0) {
    return rt.raise("cannot round this number");
  }
  return Value::real_of((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit + 0.0);
}

constexpr FilterEntry kFilters[] = {
    {"abs", absolute}, {"int", to_int}, {"float", to_float}, {"round", round_filter}};

}  // namespace

std::span<const FilterEntry> number_filters() {
  return kFilters;
}

}  // namespace dak::jinja
