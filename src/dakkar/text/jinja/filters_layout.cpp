#include <fmt/core.h>

#include "dakkar/text/jinja/attributes.h"
#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/number_format.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/text_operations.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

Value like(Runtime& rt, const Value& string, MarkedText text) {
  Value made = rt.text(std::move(text));
  made.markup = string.markup && made.is_string();
  return made;
}

bool read_indention(Runtime& rt, const Value& width, MarkedText& out) {
  if (width.is_string()) {
    out = width.text();
    return true;
  }
  int64_t spaces = 0;
  if (!to_index(rt, width, spaces)) {
    return false;
  }
  if (spaces > kMaxFormatWidth) {
    rt.raise("indentation is too wide");
    return false;
  }
  out.append(std::string(static_cast<size_t>(spaces < 0 ? 0 : spaces), ' '), Origin::kTemplate);
  return true;
}

Value indent(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(
      rt, args, {.function = "indent", .parameters = {"width", "first", "blank"}, .required = 0});
  MarkedText indention;
  if (!bound.ok() || !read_indention(rt, bound.get_or(0, Value::integer_of(4)), indention)) {
    return Value::failed();
  }
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  if (!self.is_string()) {
    return rt.raise(fmt::format("indent needs a string, not '{}'", type_name(self)));
  }
  const bool first = truthy(bound.get_or(1, Value::boolean_of(false)));
  const bool blank = truthy(bound.get_or(2, Value::boolean_of(false)));
  MarkedText text = self.text();
  text.append("\n", Origin::kTemplate);
  MarkedText out;
  bool at_start = true;
  for (const MarkedText& line : split_lines(text, LineEnds::kDrop)) {
    if (!at_start) {
      out.append("\n", Origin::kTemplate);
    }
    if (at_start ? first : (blank || !line.empty())) {
      out.append(indention);
    }
    out.append(line);
    at_start = false;
    if (!rt.room_for(out.size())) {
      return Value::failed();
    }
  }
  return like(rt, self, std::move(out));
}

Value truncate(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "truncate",
                     .parameters = {"length", "killwords", "end", "leeway"},
                     .required = 0});
  int64_t length = 255;
  int64_t leeway = 5;
  if (!bound.ok() || (bound.has(0) && !to_index(rt, *bound.get(0), length))) {
    return Value::failed();
  }
  const Value slack = bound.get_or(3, Value::none());
  if (!slack.is(Kind::kNone) && !to_index(rt, slack, leeway)) {
    return Value::failed();
  }
  if (bound.has(2) && !bound.get(2)->is_string()) {
    return rt.raise("the end of truncate must be a string");
  }
  const MarkedText end = bound.has(2) ? bound.get(2)->text() : MarkedText("...", Origin::kTemplate);
  const int64_t end_size = count_code_points(end.bytes());
  if (length < end_size || leeway < 0) {
    return rt.raise(fmt::format("expected length >= {}, got {}", end_size, length));
  }
  const auto size = length_of(self);
  if (size && *size - leeway <= length) {
    return self;
  }
  if (!self.is_string()) {
    return rt.raise(fmt::format("truncate needs a string, not '{}'", type_name(self)));
  }
  const MarkedText& text = self.text();
  MarkedText out = text.slice(0, byte_offset(text.bytes(), length - end_size));
  if (!truthy(bound.get_or(1, Value::boolean_of(false)))) {
    const int64_t space = find_last(out.bytes(), " ", 0, out.size());
    out = space < 0 ? out : out.slice(0, space);
  }
  out.append(end);
  return like(rt, self, std::move(out));
}

Value join(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "join", .parameters = {"d", "attribute"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const MarkedText separator = bound.has(0) ? str_of(rt, *bound.get(0)) : MarkedText();
  const Value attribute = bound.get_or(1, Value::none());
  MarkedText out;
  Iterator walk(rt, self);
  Value item;
  for (bool first = true; walk.next(item); first = false) {
    if (!first) {
      out.append(separator);
    }
    append_str(rt, out, get_path(rt, item, attribute, nullptr));
    if (!rt.room_for(out.size())) {
      return Value::failed();
    }
  }
  return rt.failed() ? Value::failed() : rt.text(std::move(out));
}

constexpr FilterEntry kFilters[] = {{"indent", indent}, {"truncate", truncate}, {"join", join}};

}  // namespace

std::span<const FilterEntry> layout_filters() {
  return kFilters;
}

}  // namespace dak::jinja
