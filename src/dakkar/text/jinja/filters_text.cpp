#include <cctype>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/format_percent.h"
#include "dakkar/text/jinja/html_escape.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/json_dump.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/text_operations.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

// The string itself, or what it prints as; markup stays markup.
Value soft_str(Runtime& rt, const Value& value) {
  return value.is_string() ? value : to_str(rt, value);
}

Value like(Runtime& rt, const Value& string, MarkedText text) {
  Value made = rt.text(std::move(text));
  made.markup = string.markup && made.is_string();
  return made;
}

template <MarkedText (*kMap)(const MarkedText&)>
Value map_text(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "filter", .parameters = {}, .required = 0});
  const Value string = bound.ok() ? soft_str(rt, self) : Value::failed();
  return string.is_failed() ? string : like(rt, string, kMap(string.text()));
}

bool separates_words(int32_t c) {
  return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
}

// Jinja's own title case: the first letter after a space, hyphen or opening bracket.
MarkedText title_words(const MarkedText& text) {
  MarkedText out;
  const std::string& bytes = text.bytes();
  for (int64_t at = 0; at < text.size();) {
    int64_t end = at;
    const bool separators = separates_words(decode_at(bytes, at).code_point);
    while (end < text.size() && separates_words(decode_at(bytes, end).code_point) == separators) {
      end += decode_at(bytes, end).bytes;
    }
    const int64_t second = at + decode_at(bytes, at).bytes;
    out.append(upper(text.slice(at, second)));
    out.append(lower(text.slice(second, end)));
    at = end;
  }
  return out;
}

Value trim(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "trim", .parameters = {"chars"}, .required = 0});
  const Value string = bound.ok() ? soft_str(rt, self) : Value::failed();
  if (string.is_failed()) {
    return string;
  }
  const Value chars = bound.get_or(0, Value::none());
  if (!chars.is(Kind::kNone) && !chars.is_string()) {
    return rt.raise("strip arg must be None or str");
  }
  const std::string* set = chars.is(Kind::kNone) ? nullptr : &chars.bytes();
  return like(rt, string, strip(string.text(), set, Side::kBoth));
}

Value replace_filter(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "replace", .parameters = {"old", "new", "count"}, .required = 2});
  if (!bound.ok()) {
    return Value::failed();
  }
  int64_t count = -1;
  const Value limit = bound.get_or(2, Value::none());
  if (!limit.is(Kind::kNone) && !to_index(rt, limit, count)) {
    return Value::failed();
  }
  const MarkedText text = str_of(rt, self);
  const MarkedText old = str_of(rt, *bound.get(0));
  const MarkedText fresh = str_of(rt, *bound.get(1));
  if (rt.failed()) {
    return Value::failed();
  }
  if (!rt.room_for(replaced_size(text, old.bytes(), fresh, count))) {
    return Value::failed();
  }
  return rt.text(replace(text, old.bytes(), fresh, count));
}

Value string_filter(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "string", .parameters = {}, .required = 0});
  return bound.ok() ? soft_str(rt, self) : Value::failed();
}

Value safe(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "safe", .parameters = {}, .required = 0});
  return bound.ok() ? as_markup(to_str(rt, self)) : Value::failed();
}

Value escape(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "escape", .parameters = {}, .required = 0});
  const Value string = bound.ok() ? soft_str(rt, self) : Value::failed();
  return string.is_failed() ? string : as_markup(rt.text(escaped(string).text));
}

Value force_escape(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "forceescape", .parameters = {}, .required = 0});
  const Value string = bound.ok() ? to_str(rt, self) : Value::failed();
  return string.is_failed() ? string : as_markup(rt.text(escape_text(string.text())));
}

Value format_filter(Runtime& rt, const Value& self, const Arguments& args) {
  if (!args.positional.empty() && !args.keywords.empty()) {
    return rt.raise("can't handle positional and keyword arguments at the same time");
  }
  const Value string = soft_str(rt, self);
  if (string.is_failed()) {
    return string;
  }
  if (args.keywords.empty()) {
    return format_percent(rt, string, rt.tuple(args.positional));
  }
  auto& named = rt.heap().make<DictObject>();
  for (const auto& [name, value] : args.keywords) {
    named.set(rt.text(name, Origin::kTemplate), value);
  }
  return format_percent(rt, string, Value::object_of(Kind::kDict, &named));
}

Value word_count(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "wordcount", .parameters = {}, .required = 0});
  const Value string = bound.ok() ? soft_str(rt, self) : Value::failed();
  if (string.is_failed()) {
    return string;
  }
  int64_t words = 0;
  bool inside = false;
  const std::string& bytes = string.bytes();
  for (int64_t at = 0; at < static_cast<int64_t>(bytes.size());) {
    const Decoded one = decode_at(bytes, at);
    const int32_t c = one.code_point;
    const bool part = c == '_' || is_alpha(c) || is_numeric(c) || is_digit(c);
    words += part && !inside ? 1 : 0;
    inside = part;
    at += one.bytes;
  }
  return Value::integer_of(words);
}

enum class UrlPart { kPath, kQuery };

void append_quoted(MarkedText& out, const MarkedText& text, UrlPart part) {
  const bool query = part == UrlPart::kQuery;
  for (int64_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text.bytes()[static_cast<size_t>(at)]);
    const bool plain = c < 0x80 && (std::isalnum(c) != 0 || c == '_' || c == '.' || c == '-' ||
                                    c == '~' || (c == '/' && !query));
    const std::string shown = plain ? std::string(1, static_cast<char>(c))
                                    : (c == ' ' && query ? "+" : fmt::format("%{:02X}", c));
    out.append(shown, text.origin_at(at));
  }
}

Value url_encode(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "urlencode", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  MarkedText out;
  if (self.is_string() || !is_iterable(self)) {
    append_quoted(out, str_of(rt, self), UrlPart::kPath);
    return rt.text(std::move(out));
  }
  std::vector<Value> pairs;
  if (self.is(Kind::kDict)) {
    for (const auto& [key, value] : self.dict().entries()) {
      pairs.push_back(rt.tuple({key, value}));
    }
  } else {
    pairs = collect(rt, self);
  }
  for (const Value& pair : pairs) {
    const std::vector<Value> parts = collect(rt, pair);
    if (rt.failed() || parts.size() != 2) {
      return rt.raise("urlencode needs pairs");
    }
    out.append(out.empty() ? "" : "&", Origin::kTemplate);
    append_quoted(out, str_of(rt, parts[0]), UrlPart::kQuery);
    out.append("=", Origin::kTemplate);
    append_quoted(out, str_of(rt, parts[1]), UrlPart::kQuery);
  }
  return rt.failed() ? Value::failed() : rt.text(std::move(out));
}

Value center(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "center", .parameters = {"width"}, .required = 0});
  const Value string = bound.ok() ? soft_str(rt, self) : Value::failed();
  if (string.is_failed()) {
    return string;
  }
  Arguments width;
  width.positional = {bound.get_or(0, Value::integer_of(80))};
  return find_method(string, "center")->function(rt, string, width);
}

constexpr FilterEntry kFilters[] = {
    {"upper", map_text<upper>},
    {"lower", map_text<lower>},
    {"capitalize", map_text<capitalize>},
    {"title", map_text<title_words>},
    {"trim", trim},
    {"replace", replace_filter},
    {"string", string_filter},
    {"safe", safe},
    {"escape", escape},
    {"e", escape},
    {"forceescape", force_escape},
    {"format", format_filter},
    {"wordcount", word_count},
    {"urlencode", url_encode},
    {"center", center},
    {"tojson", to_json},
};

}  // namespace

std::span<const FilterEntry> text_filters() {
  return kFilters;
}

}  // namespace dak::jinja
