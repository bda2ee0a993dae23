#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/text_operations.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

Value like(Runtime& rt, const Value& self, MarkedText text) {
  Value made = rt.text(std::move(text));
  made.markup = self.markup && made.is_string();
  return made;
}

template <MarkedText (*kMap)(const MarkedText&)>
Value map_case(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "str method", .parameters = {}, .required = 0});
  return bound.ok() ? like(rt, self, kMap(self.text())) : Value::failed();
}

// True when the string is not empty and every code point passes.
template <bool (*kPasses)(int32_t)>
Value every(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "str method", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const std::string& bytes = self.bytes();
  for (int64_t at = 0; at < static_cast<int64_t>(bytes.size());) {
    const Decoded one = decode_at(bytes, at);
    if (!kPasses(one.code_point)) {
      return Value::boolean_of(false);
    }
    at += one.bytes;
  }
  return Value::boolean_of(!bytes.empty());
}

bool is_alphanumeric(int32_t c) {
  return is_alpha(c) || is_numeric(c) || is_digit(c);
}

// Every cased code point has the wanted case, and there is one.
template <bool (*kWanted)(int32_t)>
Value all_cased(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "str method", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  bool any = false;
  const std::string& bytes = self.bytes();
  for (int64_t at = 0; at < static_cast<int64_t>(bytes.size());) {
    const Decoded one = decode_at(bytes, at);
    if (is_cased(one.code_point)) {
      if (!kWanted(one.code_point)) {
        return Value::boolean_of(false);
      }
      any = true;
    }
    at += one.bytes;
  }
  return Value::boolean_of(any);
}

Value is_ascii(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "isascii", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  return Value::boolean_of(self.string().code_points() == self.string().bytes_size());
}

Value is_printable_text(Runtime& rt, const Value& self, const Arguments& args) {
  return self.bytes().empty() ? Value::boolean_of(true) : every<is_printable>(rt, self, args);
}

Value is_identifier_text(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "isidentifier", .parameters = {}, .required = 0});
  return bound.ok() ? Value::boolean_of(is_identifier(self.bytes())) : Value::failed();
}

Value is_title_text(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "istitle", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  bool any = false;
  bool inside = false;
  const std::string& bytes = self.bytes();
  for (int64_t at = 0; at < static_cast<int64_t>(bytes.size());) {
    const Decoded one = decode_at(bytes, at);
    const bool big = is_upper(one.code_point) || is_title(one.code_point);
    const bool small = !big && is_lower(one.code_point);
    if ((big && inside) || (small && !inside)) {
      return Value::boolean_of(false);
    }
    any = any || big || small;
    inside = big || small;
    at += one.bytes;
  }
  return Value::boolean_of(any);
}

Value fold_case(Runtime& rt, const Value& self, const Arguments& args) {
  if (self.string().code_points() != self.string().bytes_size()) {
    return rt.raise("casefold() is supported for ASCII text only");
  }
  return map_case<lower>(rt, self, args);
}

constexpr MethodEntry kMethods[] = {
    {"upper", map_case<upper>},
    {"lower", map_case<lower>},
    {"capitalize", map_case<capitalize>},
    {"title", map_case<title>},
    {"swapcase", map_case<swap_case>},
    {"casefold", fold_case},
    {"isalpha", every<is_alpha>},
    {"isalnum", every<is_alphanumeric>},
    {"isdigit", every<is_digit>},
    {"isdecimal", every<is_decimal>},
    {"isnumeric", every<is_numeric>},
    {"isspace", every<is_space>},
    {"isprintable", is_printable_text},
    {"isascii", is_ascii},
    {"isupper", all_cased<is_upper>},
    {"islower", all_cased<is_lower>},
    {"istitle", is_title_text},
    {"isidentifier", is_identifier_text},
    {"encode", nullptr, MethodAccess::kUnsupported},
    {"format_map", nullptr, MethodAccess::kUnsupported},
    {"maketrans", nullptr, MethodAccess::kUnsupported},
    {"translate", nullptr, MethodAccess::kUnsupported},
};

}  // namespace

std::span<const MethodEntry> string_case_methods() {
  return kMethods;
}

}  // namespace dak::jinja
