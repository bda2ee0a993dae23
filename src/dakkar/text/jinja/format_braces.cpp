#include "dakkar/text/jinja/format_braces.h"

#include <algorithm>
#include <charconv>

#include <fmt/core.h>

#include "dakkar/text/jinja/attributes.h"
#include "dakkar/text/jinja/html_escape.h"
#include "dakkar/text/jinja/number_format.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

class BraceFormatter {
 public:
  BraceFormatter(Runtime& rt, const Value& format, const Arguments& args)
      : rt_(rt), markup_(format.markup), args_(args) {}

  // Formats `text`; fields inside a specification go one level deeper.
  MarkedText run(const MarkedText& text, int depth) {
    MarkedText out;
    const std::string& bytes = text.bytes();
    size_t at = 0;
    while (at < bytes.size() && !rt_.failed()) {
      const size_t mark = std::min(bytes.find_first_of("{}", at), bytes.size());
      out.append(text, static_cast<int64_t>(at), static_cast<int64_t>(mark));
      at = mark;
      if (mark == bytes.size()) {
        break;
      }
      if (mark + 1 < bytes.size() && bytes[mark + 1] == bytes[mark]) {
        out.append(bytes.substr(mark, 1), Origin::kTemplate);
        at = mark + 2;
        continue;
      }
      at = field(text, mark, depth, out);
    }
    return out;
  }

 private:
  size_t field(const MarkedText& text, size_t mark, int depth, MarkedText& out) {
    const std::string& bytes = text.bytes();
    if (bytes[mark] == '}' || depth > 1) {
      rt_.raise(depth > 1 ? "max string recursion exceeded"
                          : "single '}' encountered in format string");
      return bytes.size();
    }
    size_t end = mark + 1;
    for (int open = 1; end < bytes.size(); ++end) {
      open += bytes[end] == '{' ? 1 : 0;
      open -= bytes[end] == '}' ? 1 : 0;
      if (open == 0) {
        break;
      }
    }
    if (end >= bytes.size()) {
      rt_.raise("expected '}' before end of string");
      return bytes.size();
    }
    const std::string inside = bytes.substr(mark + 1, end - mark - 1);
    const size_t name_end = std::min(inside.find_first_of("!:"), inside.size());
    Value value = look_up(inside.substr(0, name_end));
    size_t rest = name_end;
    if (rest < inside.size() && inside[rest] == '!') {
      value = converted(value, rest + 1 < inside.size() ? inside[rest + 1] : '\0');
      rest += 2;
    }
    if (rest < inside.size() && inside[rest] != ':') {
      rt_.raise("expected ':' after conversion specifier");
    }
    if (rt_.failed()) {
      return bytes.size();
    }
    std::string spec = rest < inside.size() ? inside.substr(rest + 1) : std::string();
    if (spec.find('{') != std::string::npos) {
      spec = run(MarkedText(spec, Origin::kTemplate), depth + 1).bytes();
    }
    write(value, spec, out);
    return end + 1;
  }

  Value converted(const Value& value, char how) {
    if (how == 's') {
      return to_str(rt_, value);
    }
    if (how != 'r') {
      return rt_.raise("unknown conversion specifier");
    }
    MarkedText text;
    append_repr(rt_, text, value);
    return rt_.text(std::move(text));
  }

  Value base(const std::string& name) {
    const bool numeric = !name.empty() && std::all_of(name.begin(), name.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; });
    if (!name.empty() && !numeric) {
      const Value* found = args_.keyword(name);
      return found != nullptr ? *found : rt_.raise(fmt::format("'{}'", name));
    }
    if ((name.empty() && manual_) || (numeric && automatic_)) {
      return rt_.raise("cannot switch between manual field specification and automatic numbering");
    }
    automatic_ = automatic_ || name.empty();
    manual_ = manual_ || numeric;
    size_t index = next_;
    if (numeric) {
      index = name.size() > 6 ? args_.positional.size() : static_cast<size_t>(std::stoi(name));
    } else {
      ++next_;
    }
    if (index >= args_.positional.size()) {
      return rt_.raise("replacement index out of range for positional args tuple");
    }
    return args_.positional[index];
  }

  Value look_up(const std::string& path) {
    size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = base(path.substr(0, at));
    while (at < path.size() && !value.is_failed()) {
      if (path[at] == '.') {
        const size_t end = std::min(path.find_first_of(".[", at + 1), path.size());
        value = get_attribute(rt_, value, path.substr(at + 1, end - at - 1));
        at = end;
        continue;
      }
      const size_t end = path.find(']', at);
      if (path[at] != '[' || end == std::string::npos || end == at + 1) {
        return rt_.raise("malformed field name in format string");
      }
      value = get_item(rt_, value, index_value(path.substr(at + 1, end - at - 1)));
      at = end + 1;
    }
    return value;
  }

  Value index_value(const std::string& text) {
    int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && number >= 0) {
      return Value::integer_of(number);
    }
    return rt_.text(text, Origin::kTemplate);
  }

  void write(const Value& value, const std::string& text, MarkedText& out) {
    FormatSpec spec;
    if (!parse_format_spec(rt_, text, spec)) {
      return;
    }
    const bool boolean_text = value.is(Kind::kBool) && text.empty();
    if (value.is_number() && !boolean_text) {
      out.append(format_number(rt_, value, spec), Origin::kTemplate);
      return;
    }
    if (!value.is_string() && !text.empty() && !boolean_text) {
      rt_.raise(fmt::format("unsupported format string passed to {}.__format__", type_name(value)));
      return;
    }
    const bool fits = spec.type == '\0' || spec.type == 's';
    if (!fits || spec.align == '=' || spec.grouping != '\0' || spec.sign != '-') {
      rt_.raise("format specifier not allowed for a string");
      return;
    }
    MarkedText shown = str_of(rt_, value);
    if (markup_ && !value.markup) {
      shown = escape_text(shown);
    }
    rt_.spend(shown.size() / 256);
    if (spec.precision >= 0) {
      shown = shown.slice(0, byte_offset(shown.bytes(), spec.precision));
    }
    out.append(pad(shown, spec));
    rt_.room_for(out.size());
  }

  Runtime& rt_;
  bool markup_;
  const Arguments& args_;
  size_t next_ = 0;
  bool automatic_ = false;
  bool manual_ = false;
};

}  // namespace

Value format_braces(Runtime& rt, const Value& format, const Arguments& args) {
  MarkedText out = BraceFormatter(rt, format, args).run(format.text(), 0);
  if (rt.failed()) {
    return Value::failed();
  }
  Value made = rt.text(std::move(out));
  made.markup = format.markup;
  return made;
}

}  // namespace dak::jinja
