#include "dakkar/text/jinja/json_dump.h"

#include <cmath>
#include <optional>

#include <fmt/core.h>

#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

enum class Charset { kUnicode, kAscii };

struct JsonOptions {
  Charset charset = Charset::kUnicode;
  bool sorted = false;
  std::optional<MarkedText> indent;
  MarkedText item_separator;
  MarkedText key_separator;
};

std::string escape_of(int32_t c, Charset charset) {
  const bool ascii = charset == Charset::kAscii;
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
  }
  if (c >= 0x10000 && ascii) {
    const int32_t rest = c - 0x10000;
    return fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
  }
  return c < 0x20 || (ascii && c > 0x7E) ? fmt::format("\\u{:04x}", c) : std::string();
}

class Dumper {
 public:
  Dumper(Runtime& rt, const JsonOptions& options) : rt_(rt), options_(options) {}

  MarkedText take() { return std::move(out_); }

  void dump(const Value& value, int32_t depth) {
    if (depth > kMaxValueDepth) {
      rt_.raise("values are nested too deeply for tojson");
      return;
    }
    if (!rt_.spend(1) || !rt_.room_for(out_.size())) {
      return;
    }
    if (value.is_string()) {
      string(value.text());
    } else if (value.is(Kind::kNone)) {
      plain("null");
    } else if (value.is_number()) {
      plain(number(value));
    } else if (value.is(Kind::kList) || value.is(Kind::kTuple)) {
      list(value.items(), depth);
    } else if (value.is(Kind::kDict)) {
      dict(value.dict(), depth);
    } else {
      rt_.raise(fmt::format("Object of type {} is not JSON serializable", type_name(value)));
    }
  }

 private:
  void plain(std::string_view text) { out_.append(text, Origin::kTemplate); }

  static std::string number(const Value& value) {
    if (value.is(Kind::kBool)) {
      return value.boolean ? "true" : "false";
    }
    if (value.is(Kind::kInt)) {
      return fmt::format("{}", value.integer);
    }
    if (std::isnan(value.real)) {
      return "NaN";
    }
    if (std::isinf(value.real)) {
      return value.real < 0 ? "-Infinity" : "Infinity";
    }
    return repr_float(value.real);
  }

  void string(const MarkedText& text) {
    plain("\"");
    int64_t begin = 0;
    for (int64_t at = 0; at < text.size();) {
      const Decoded one = decode_at(text.bytes(), at);
      const std::string escape = escape_of(one.code_point, options_.charset);
      if (!escape.empty()) {
        out_.append(text, begin, at);
        out_.append(escape, text.origin_at(at));
        begin = at + one.bytes;
      }
      at += one.bytes;
    }
    out_.append(text, begin, text.size());
    plain("\"");
  }

  void new_line(int32_t depth) {
    if (!options_.indent) {
      return;
    }
    plain("\n");
    for (int32_t i = 0; i < depth; ++i) {
      out_.append(*options_.indent);
    }
  }

  void list(const std::vector<Value>& items, int32_t depth) {
    plain("[");
    for (size_t i = 0; i < items.size() && !rt_.failed(); ++i) {
      if (i > 0) {
        out_.append(options_.item_separator);
      }
      new_line(depth + 1);
      dump(items[i], depth + 1);
    }
    if (!items.empty()) {
      new_line(depth);
    }
    plain("]");
  }

  void key(const Value& value) {
    if (value.is_string()) {
      string(value.text());
    } else if (value.is(Kind::kNone)) {
      plain("\"null\"");
    } else if (value.is_number()) {
      plain("\"" + number(value) + "\"");
    } else {
      rt_.raise(
          fmt::format("keys must be str, int, float, bool or None, not {}", type_name(value)));
    }
  }

  void dict(const DictObject& dict, int32_t depth) {
    std::vector<Keyed> entries;
    for (const auto& [name, value] : dict.entries()) {
      entries.push_back({.key = name, .value = value});
    }
    if (options_.sorted) {
      sort_keyed(rt_, entries, SortOrder::kAscending);
    }
    plain("{");
    for (size_t i = 0; i < entries.size() && !rt_.failed(); ++i) {
      if (i > 0) {
        out_.append(options_.item_separator);
      }
      new_line(depth + 1);
      key(entries[i].key);
      out_.append(options_.key_separator);
      dump(entries[i].value, depth + 1);
    }
    if (!entries.empty()) {
      new_line(depth);
    }
    plain("}");
  }

  Runtime& rt_;
  const JsonOptions& options_;
  MarkedText out_;
};

bool read_indent(Runtime& rt, const Value& value, JsonOptions& options) {
  if (value.is(Kind::kNone)) {
    return true;
  }
  if (value.is_string()) {
    options.indent = value.text();
    return true;
  }
  int64_t width = 0;
  if (!to_index(rt, value, width)) {
    return false;
  }
  if (width > 1000) {
    rt.raise("indent is too large");
    return false;
  }
  const auto spaces = static_cast<size_t>(width < 0 ? 0 : width);
  options.indent = MarkedText(std::string(spaces, ' '), Origin::kTemplate);
  return true;
}

bool read_separators(Runtime& rt, const Value& value, JsonOptions& options) {
  if (value.is(Kind::kNone)) {
    options.item_separator.append(options.indent ? "," : ", ", Origin::kTemplate);
    options.key_separator.append(": ", Origin::kTemplate);
    return true;
  }
  const std::vector<Value> parts = collect(rt, value);
  if (!rt.failed() && parts.size() == 2 && parts[0].is_string() && parts[1].is_string()) {
    options.item_separator = parts[0].text();
    options.key_separator = parts[1].text();
    return true;
  }
  rt.raise("separators must be a pair of strings");
  return false;
}

}  // namespace

Value to_json(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "tojson",
                     .parameters = {"ensure_ascii", "indent", "separators", "sort_keys"},
                     .required = 0});
  JsonOptions options;
  if (!bound.ok() || !read_indent(rt, bound.get_or(1, Value::none()), options) ||
      !read_separators(rt, bound.get_or(2, Value::none()), options)) {
    return Value::failed();
  }
  const bool ascii = truthy(bound.get_or(0, Value::boolean_of(false)));
  options.charset = ascii ? Charset::kAscii : Charset::kUnicode;
  options.sorted = truthy(bound.get_or(3, Value::boolean_of(false)));
  Dumper dumper(rt, options);
  dumper.dump(self, 0);
  return rt.failed() ? Value::failed() : rt.text(dumper.take());
}

}  // namespace dak::jinja
