#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/format_braces.h"
#include "dakkar/text/jinja/html_escape.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/number_format.h"
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

std::vector<Value> parts_of(Runtime& rt, const Value& self, std::vector<MarkedText> parts) {
  std::vector<Value> values;
  values.reserve(parts.size());
  rt.spend(static_cast<int64_t>(parts.size()));
  for (MarkedText& part : parts) {
    values.push_back(like(rt, self, std::move(part)));
  }
  return values;
}

bool need_string(Runtime& rt, const Value& value) {
  if (value.is_string()) {
    return true;
  }
  rt.raise(fmt::format("must be str, not {}", type_name(value)));
  return false;
}

// A markup string escapes the text that is put into it.
MarkedText inserted(const Value& self, const Value& text) {
  return self.markup ? escaped(text).text : text.text();
}

template <Side kSide>
Value strip_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "strip", .parameters = {""}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value chars = bound.get_or(0, Value::none());
  if (!chars.is(Kind::kNone) && !need_string(rt, chars)) {
    return Value::failed();
  }
  const std::string* set = chars.is(Kind::kNone) ? nullptr : &chars.bytes();
  return like(rt, self, strip(self.text(), set, kSide));
}

template <Side kFrom>
Value split_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "split", .parameters = {"sep", "maxsplit"}, .required = 0});
  SplitOptions options;
  options.from = kFrom;
  if (!bound.ok() || (bound.has(1) && !to_index(rt, *bound.get(1), options.limit))) {
    return Value::failed();
  }
  const Value separator = bound.get_or(0, Value::none());
  if (!separator.is(Kind::kNone)) {
    if (!need_string(rt, separator)) {
      return Value::failed();
    }
    if (separator.bytes().empty()) {
      return rt.raise("empty separator");
    }
    options.separator = &separator.bytes();
  }
  return rt.list(parts_of(rt, self, split(self.text(), options)));
}

Value split_lines_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "splitlines", .parameters = {"keepends"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const bool keep = truthy(bound.get_or(0, Value::boolean_of(false)));
  const LineEnds ends = keep ? LineEnds::kKeep : LineEnds::kDrop;
  return rt.list(parts_of(rt, self, split_lines(self.text(), ends)));
}

Value replace_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "replace", .parameters = {"", "", ""}, .required = 2});
  int64_t count = -1;
  if (!bound.ok() || !need_string(rt, *bound.get(0)) || !need_string(rt, *bound.get(1)) ||
      (bound.has(2) && !to_index(rt, *bound.get(2), count))) {
    return Value::failed();
  }
  const MarkedText fresh = inserted(self, *bound.get(1));
  const std::string& old = bound.get(0)->bytes();
  if (!rt.room_for(replaced_size(self.text(), old, fresh, count))) {
    return Value::failed();
  }
  return like(rt, self, replace(self.text(), old, fresh, count));
}

Value join_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "join", .parameters = {""}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  MarkedText out;
  Iterator walk(rt, *bound.get(0));
  Value item;
  for (int64_t index = 0; walk.next(item); ++index) {
    if (!item.is_string() && !self.markup) {
      return rt.raise(
          fmt::format("sequence item {}: expected str instance, {} found", index, type_name(item)));
    }
    if (index > 0) {
      out.append(self.text());
    }
    if (!need_string(rt, item)) {
      return Value::failed();
    }
    out.append(inserted(self, item));
    if (!rt.room_for(out.size())) {
      return Value::failed();
    }
  }
  return rt.failed() ? Value::failed() : like(rt, self, std::move(out));
}

template <Side kFrom>
Value partition_method(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "partition", .parameters = {""}, .required = 1});
  if (!bound.ok() || !need_string(rt, *bound.get(0))) {
    return Value::failed();
  }
  const MarkedText& text = self.text();
  const std::string& separator = bound.get(0)->bytes();
  if (separator.empty()) {
    return rt.raise("empty separator");
  }
  const bool right = kFrom == Side::kRight;
  const int64_t found = right ? find_last(text.bytes(), separator, 0, text.size())
                              : find_first(text.bytes(), separator, 0, text.size());
  std::vector<MarkedText> parts(3);
  if (found < 0) {
    parts[right ? 2 : 0] = text;
  } else {
    const int64_t end = found + static_cast<int64_t>(separator.size());
    parts = {text.slice(0, found), text.slice(found, end), text.slice(end, text.size())};
  }
  return rt.tuple(parts_of(rt, self, std::move(parts)));
}

template <Side kSide>
Value remove_affix(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "removeprefix", .parameters = {""}, .required = 1});
  if (!bound.ok() || !need_string(rt, *bound.get(0))) {
    return Value::failed();
  }
  const std::string& part = bound.get(0)->bytes();
  const MarkedText& text = self.text();
  const auto size = static_cast<int64_t>(part.size());
  const int64_t at = kSide == Side::kLeft ? 0 : text.size() - size;
  const bool there =
      size > 0 && at >= 0 && text.bytes().compare(static_cast<size_t>(at), part.size(), part) == 0;
  if (!there) {
    return self;
  }
  const bool left = kSide == Side::kLeft;
  return like(rt, self, left ? text.slice(size, text.size()) : text.slice(0, at));
}

template <char kAlign>
Value justify(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "justify", .parameters = {"", ""}, .required = 1});
  FormatSpec spec;
  if (!bound.ok() || !to_index(rt, *bound.get(0), spec.width)) {
    return Value::failed();
  }
  if (const Value* fill = bound.get(1); fill != nullptr) {
    if (!fill->is_string() || fill->string().code_points() != 1) {
      return rt.raise("the fill character must be exactly one character long");
    }
    spec.fill = inserted(self, *fill).bytes();
  }
  const int64_t size = self.string().code_points();
  const int64_t missing = std::max<int64_t>(spec.width - size, 0);
  if (missing > rt.limits().output_bytes) {
    return rt.raise("padded string is too long");
  }
  if (kAlign != '^') {
    spec.align = kAlign;
    return like(rt, self, pad(self.text(), spec));
  }
  // Python puts the odd space left when the width is odd.
  const int64_t left = missing / 2 + (missing & spec.width & 1);
  FormatSpec half = spec;
  half.align = '>';
  half.width = size + left;
  spec.align = '<';
  return like(rt, self, pad(pad(self.text(), half), spec));
}

Value zero_fill(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "zfill", .parameters = {""}, .required = 1});
  int64_t width = 0;
  if (!bound.ok() || !to_index(rt, *bound.get(0), width)) {
    return Value::failed();
  }
  const int64_t missing = std::max<int64_t>(width - self.string().code_points(), 0);
  if (missing > rt.limits().output_bytes) {
    return rt.raise("padded string is too long");
  }
  const MarkedText& text = self.text();
  const bool sign = !text.empty() && (text.bytes()[0] == '-' || text.bytes()[0] == '+');
  MarkedText out = text.slice(0, sign ? 1 : 0);
  out.append(std::string(static_cast<size_t>(missing), '0'), Origin::kTemplate);
  out.append(text, sign ? 1 : 0, text.size());
  return like(rt, self, std::move(out));
}

Value expand_tabs(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "expandtabs", .parameters = {"tabsize"}, .required = 0});
  int64_t size = 8;
  if (!bound.ok() || (bound.has(0) && !to_index(rt, *bound.get(0), size))) {
    return Value::failed();
  }
  if (size > kMaxFormatWidth) {
    return rt.raise("tab size is too large");
  }
  MarkedText out;
  int64_t column = 0;
  const MarkedText& text = self.text();
  for (int64_t at = 0; at < text.size();) {
    const Decoded one = decode_at(text.bytes(), at);
    if (one.code_point == '\t') {
      const int64_t spaces = size > 0 ? size - column % size : 0;
      out.append(std::string(static_cast<size_t>(spaces), ' '), text.origin_at(at));
      column += spaces;
    } else {
      out.append(text, at, at + one.bytes);
      column = one.code_point == '\n' || one.code_point == '\r' ? 0 : column + 1;
    }
    at += one.bytes;
  }
  return like(rt, self, std::move(out));
}

constexpr MethodEntry kMethods[] = {
    {"strip", strip_method<Side::kBoth>},
    {"lstrip", strip_method<Side::kLeft>},
    {"rstrip", strip_method<Side::kRight>},
    {"split", split_method<Side::kLeft>},
    {"rsplit", split_method<Side::kRight>},
    {"splitlines", split_lines_method},
    {"replace", replace_method},
    {"join", join_method},
    {"partition", partition_method<Side::kLeft>},
    {"rpartition", partition_method<Side::kRight>},
    {"removeprefix", remove_affix<Side::kLeft>},
    {"removesuffix", remove_affix<Side::kRight>},
    {"ljust", justify<'<'>},
    {"rjust", justify<'>'>},
    {"center", justify<'^'>},
    {"zfill", zero_fill},
    {"expandtabs", expand_tabs},
    {"format", format_braces},
};

}  // namespace

std::span<const MethodEntry> string_split_methods() {
  return kMethods;
}

}  // namespace dak::jinja
