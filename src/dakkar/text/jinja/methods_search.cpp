#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/text_operations.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

bool need_string(Runtime& rt, const Value& value) {
  if (value.is_string()) {
    return true;
  }
  rt.raise(fmt::format("must be str, not {}", type_name(value)));
  return false;
}

// The bytes that `start` and `end`, counted in code points, cut out.
struct Window {
  int64_t begin = 0;
  int64_t end = 0;
  bool empty_start = false;  ///< start lies behind the end of the string
};

bool read_window(Runtime& rt, const Value& self, const Bound& bound, Window& out) {
  const int64_t size = self.string().code_points();
  int64_t positions[2] = {0, size};
  for (size_t i = 0; i < 2; ++i) {
    const Value* given = bound.get(i + 1);
    if (given == nullptr || given->is(Kind::kNone)) {
      continue;
    }
    if (!to_index(rt, *given, positions[i])) {
      return false;
    }
    if (positions[i] < 0) {
      positions[i] = std::max<int64_t>(positions[i] + size, 0);
    }
  }
  out.empty_start = positions[0] > size;
  out.begin = byte_offset(self.bytes(), std::min(positions[0], size));
  out.end = byte_offset(self.bytes(), std::min(positions[1], size));
  return true;
}

enum class Direction { kFirst, kLast };
enum class Absent { kMinusOne, kRaises };

template <Direction kDirection, Absent kAbsent>
Value search(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "find", .parameters = {"", "", ""}, .required = 1});
  Window window;
  if (!bound.ok() || !need_string(rt, *bound.get(0)) || !read_window(rt, self, bound, window)) {
    return Value::failed();
  }
  int64_t found = -1;
  if (!window.empty_start) {
    const std::string& part = bound.get(0)->bytes();
    rt.spend(self.string().bytes_size() / 256);
    found = kDirection == Direction::kFirst
                ? find_first(self.bytes(), part, window.begin, window.end)
                : find_last(self.bytes(), part, window.begin, window.end);
  }
  if (found < 0 && kAbsent == Absent::kRaises) {
    return rt.raise("substring not found");
  }
  const auto before = static_cast<size_t>(std::max<int64_t>(found, 0));
  return Value::integer_of(found < 0 ? -1 : count_code_points(self.bytes().substr(0, before)));
}

Value count(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "count", .parameters = {"", "", ""}, .required = 1});
  Window window;
  if (!bound.ok() || !need_string(rt, *bound.get(0)) || !read_window(rt, self, bound, window)) {
    return Value::failed();
  }
  if (window.empty_start || window.begin > window.end) {
    return Value::integer_of(0);
  }
  const std::string& part = bound.get(0)->bytes();
  const auto length = static_cast<size_t>(window.end - window.begin);
  if (part.empty()) {
    const std::string inside = self.bytes().substr(static_cast<size_t>(window.begin), length);
    return Value::integer_of(count_code_points(inside) + 1);
  }
  int64_t times = 0;
  rt.spend(static_cast<int64_t>(length) / 256);
  for (int64_t at = window.begin; at >= 0; ++times) {
    at = find_first(self.bytes(), part, at, window.end);
    if (at < 0) {
      break;
    }
    at += static_cast<int64_t>(part.size());
  }
  return Value::integer_of(times);
}

template <Side kSide>
Value affix(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "startswith", .parameters = {"", "", ""}, .required = 1});
  Window window;
  if (!bound.ok() || !read_window(rt, self, bound, window)) {
    return Value::failed();
  }
  const Value& wanted = *bound.get(0);
  const std::vector<Value> options =
      wanted.is(Kind::kTuple) ? wanted.items() : std::vector<Value>{wanted};
  for (const Value& option : options) {
    if (!option.is_string()) {
      return rt.raise(
          fmt::format("startswith/endswith first arg must be str or a tuple of str, "
                      "not {}",
                      type_name(option)));
    }
    const std::string& part = option.bytes();
    const int64_t room = window.end - window.begin;
    const auto size = static_cast<int64_t>(part.size());
    if (window.empty_start || room < size) {
      continue;
    }
    const int64_t at = kSide == Side::kLeft ? window.begin : window.end - size;
    if (self.bytes().compare(static_cast<size_t>(at), part.size(), part) == 0) {
      return Value::boolean_of(true);
    }
  }
  return Value::boolean_of(false);
}

constexpr MethodEntry kMethods[] = {
    {"find", search<Direction::kFirst, Absent::kMinusOne>},
    {"rfind", search<Direction::kLast, Absent::kMinusOne>},
    {"index", search<Direction::kFirst, Absent::kRaises>},
    {"rindex", search<Direction::kLast, Absent::kRaises>},
    {"count", count},
    {"startswith", affix<Side::kLeft>},
    {"endswith", affix<Side::kRight>},
};

}  // namespace

std::span<const MethodEntry> string_search_methods() {
  return kMethods;
}

}  // namespace dak::jinja
