#include "dakkar/text/jinja/python_repr.h"

#include <charconv>
#include <cmath>

#include <fmt/core.h>

#include "dakkar/text/jinja/ast.h"
#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

void plain(MarkedText& out, std::string_view text) {
  out.append(text, Origin::kTemplate);
}

std::string escape_sequence(int32_t code_point, char quote) {
  switch (code_point) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\\':
      return "\\\\";
    default:
      break;
  }
  if (code_point == quote) {
    return std::string("\\") + quote;
  }
  if (is_printable(code_point)) {
    return {};
  }
  if (code_point <= 0xFF) {
    return fmt::format("\\x{:02x}", code_point);
  }
  return code_point <= 0xFFFF ? fmt::format("\\u{:04x}", code_point)
                              : fmt::format("\\U{:08x}", code_point);
}

void append_quoted(MarkedText& out, const MarkedText& text) {
  const std::string& bytes = text.bytes();
  const bool single = bytes.find('\'') != std::string::npos;
  const bool twice = bytes.find('"') != std::string::npos;
  const char quote = single && !twice ? '"' : '\'';
  plain(out, std::string(1, quote));
  int64_t begin = 0;
  for (int64_t at = 0; at < text.size();) {
    const Decoded one = decode_at(bytes, at);
    const std::string escape = escape_sequence(one.code_point, quote);
    if (!escape.empty()) {
      out.append(text, begin, at);
      out.append(escape, text.origin_at(at));
      begin = at + one.bytes;
    }
    at += one.bytes;
  }
  out.append(text, begin, text.size());
  plain(out, std::string(1, quote));
}

class Printer {
 public:
  Printer(Runtime& rt, MarkedText& out) : rt_(rt), out_(out) {}

  void repr(const Value& value, int32_t depth) {
    if (depth > kMaxValueDepth) {
      rt_.raise("values are nested too deeply to print");
      return;
    }
    if (!rt_.spend(1) || !rt_.room_for(out_.size())) {
      return;
    }
    if (value.is_string()) {
      string(value);
    } else if (value.is(Kind::kList)) {
      items(value, "[", "]", depth);
    } else if (value.is(Kind::kTuple)) {
      items(value, "(", value.items().size() == 1 ? ",)" : ")", depth);
    } else if (value.is(Kind::kDict)) {
      dict(value.dict(), depth);
    } else if (value.is(Kind::kNamespace)) {
      plain(out_, "<Namespace ");
      dict(value.dict(), depth);
      plain(out_, ">");
    } else if (value.is(Kind::kView)) {
      view(value.as<ViewObject>(), depth);
    } else {
      plain(out_, scalar(value));
    }
  }

 private:
  static std::string scalar(const Value& value) {
    if (value.is(Kind::kNone) || value.is_undefined()) {
      return value.is_undefined() ? "Undefined" : "None";
    }
    if (value.is(Kind::kBool)) {
      return value.boolean ? "True" : "False";
    }
    if (value.is(Kind::kInt)) {
      return fmt::format("{}", value.integer);
    }
    if (value.is(Kind::kFloat)) {
      return repr_float(value.real);
    }
    if (value.is(Kind::kMacro)) {
      return fmt::format("<Macro '{}'>", value.as<MacroObject>().statement->name);
    }
    if (!value.is(Kind::kRange)) {
      return fmt::format("<{} object>", type_name(value));
    }
    const auto& range = value.as<RangeObject>();
    const std::string bounds = fmt::format("{}, {}", range.start, range.stop);
    return range.step == 1 ? fmt::format("range({})", bounds)
                           : fmt::format("range({}, {})", bounds, range.step);
  }

  void string(const Value& value) {
    if (value.markup) {
      plain(out_, "Markup(");
    }
    append_quoted(out_, value.text());
    if (value.markup) {
      plain(out_, ")");
    }
  }

  void items(const Value& value, std::string_view open, std::string_view close, int32_t depth) {
    plain(out_, open);
    bool first = true;
    for (const Value& item : value.items()) {
      plain(out_, first ? "" : ", ");
      first = false;
      repr(item, depth + 1);
      if (rt_.failed()) {
        return;
      }
    }
    plain(out_, close);
  }

  void dict(const DictObject& dict, int32_t depth) {
    plain(out_, "{");
    bool first = true;
    for (const auto& [key, value] : dict.entries()) {
      plain(out_, first ? "" : ", ");
      first = false;
      repr(key, depth + 1);
      plain(out_, ": ");
      repr(value, depth + 1);
      if (rt_.failed()) {
        return;
      }
    }
    plain(out_, "}");
  }

  void view(const ViewObject& view, int32_t depth) {
    const char* name = view.part == ViewPart::kKeys
                           ? "dict_keys(["
                           : (view.part == ViewPart::kValues ? "dict_values([" : "dict_items([");
    plain(out_, name);
    bool first = true;
    for (const auto& entry : view.dict->entries()) {
      plain(out_, first ? "" : ", ");
      first = false;
      repr(view_item(rt_, entry, view.part), depth + 1);
      if (rt_.failed()) {
        return;
      }
    }
    plain(out_, "])");
  }

  Runtime& rt_;
  MarkedText& out_;
};

}  // namespace

std::string repr_float(double number) {
  if (std::isnan(number)) {
    return "nan";
  }
  if (std::isinf(number)) {
    return number < 0 ? "-inf" : "inf";
  }
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string scientific(buffer, end);
  const size_t mark = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + mark + 1);
  if (exponent >= -4 && exponent < 16) {
    const auto fixed =
        std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
    std::string text(buffer, fixed);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  return fmt::format("{}e{}{:02d}", scientific.substr(0, mark), exponent < 0 ? '-' : '+',
                     std::abs(exponent));
}

void append_repr(Runtime& rt, MarkedText& out, const Value& value) {
  Printer(rt, out).repr(value, 0);
}

void append_str(Runtime& rt, MarkedText& out, const Value& value) {
  if (value.is_string()) {
    out.append(value.text());
  } else if (!value.is_undefined() && !value.is_failed()) {
    append_repr(rt, out, value);
  }
}

MarkedText str_of(Runtime& rt, const Value& value) {
  MarkedText out;
  append_str(rt, out, value);
  return out;
}

Value to_str(Runtime& rt, const Value& value) {
  if (value.is_string()) {
    Value same = value;
    same.markup = false;
    return same;
  }
  MarkedText out = str_of(rt, value);
  return rt.failed() ? Value::failed() : rt.text(std::move(out));
}

}  // namespace dak::jinja
