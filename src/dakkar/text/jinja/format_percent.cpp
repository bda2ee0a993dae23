#include "dakkar/text/jinja/format_percent.h"

#include <cmath>

#include <fmt/core.h>

#include "dakkar/text/jinja/html_escape.h"
#include "dakkar/text/jinja/number_format.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

struct Conversion {
  bool left = false;
  bool plus = false;
  bool space = false;
  bool zero = false;
  bool alternate = false;
  int64_t width = 0;
  int64_t precision = -1;
  char type = '\0';
};

class PercentFormatter {
 public:
  PercentFormatter(Runtime& rt, const Value& format, const Value& values)
      : rt_(rt), format_(format), values_(values) {
    is_mapping_ = values.is(Kind::kDict);
  }

  Value run() {
    const MarkedText& text = format_.text();
    const std::string& bytes = text.bytes();
    while (at_ < bytes.size() && !rt_.failed()) {
      const size_t mark = std::min(bytes.find('%', at_), bytes.size());
      out_.append(text, static_cast<int64_t>(at_), static_cast<int64_t>(mark));
      at_ = mark;
      if (mark < bytes.size()) {
        ++at_;
        convert(bytes);
      }
      rt_.room_for(out_.size());
    }
    const bool is_tuple = values_.is(Kind::kTuple);
    const auto given = is_tuple ? values_.items().size() : size_t{1};
    const bool sequence_like = is_mapping_ || values_.is(Kind::kList) || values_.is(Kind::kRange) ||
                               values_.is_undefined();
    if (!rt_.failed() && used_ < given && !sequence_like) {
      rt_.raise("not all arguments converted during string formatting");
    }
    if (rt_.failed()) {
      return Value::failed();
    }
    Value made = rt_.text(std::move(out_));
    made.markup = format_.markup;
    return made;
  }

 private:
  Value next_value() {
    if (values_.is(Kind::kTuple)) {
      if (used_ < values_.items().size()) {
        return values_.items()[used_++];
      }
    } else if (used_ == 0) {
      ++used_;
      return values_;
    }
    return rt_.raise("not enough arguments for format string");
  }

  Value named_value(const std::string& bytes) {
    size_t depth = 1;
    const size_t begin = ++at_;
    while (at_ < bytes.size() && depth > 0) {
      depth += bytes[at_] == '(' ? 1 : 0;
      depth -= bytes[at_] == ')' ? 1 : 0;
      ++at_;
    }
    if (depth > 0) {
      return rt_.raise("incomplete format key");
    }
    if (!is_mapping_) {
      return rt_.raise("format requires a mapping");
    }
    const std::string key = bytes.substr(begin, at_ - begin - 1);
    const Value* found = values_.dict().find(key);
    return found != nullptr ? *found : rt_.raise(fmt::format("'{}'", key));
  }

  bool number(const std::string& bytes, int64_t& out) {
    if (at_ < bytes.size() && bytes[at_] == '*') {
      ++at_;
      const Value value = next_value();
      if (value.is_failed() || !value.is_integral()) {
        rt_.raise("* wants int");
        return false;
      }
      out = value.as_integer();
    } else {
      out = 0;
      while (at_ < bytes.size() && bytes[at_] >= '0' && bytes[at_] <= '9' &&
             out <= kMaxFormatWidth) {
        out = out * 10 + (bytes[at_++] - '0');
      }
    }
    if (out > kMaxFormatWidth || out < -kMaxFormatWidth) {
      rt_.raise("format width or precision is too large");
      return false;
    }
    return true;
  }

  void flags(const std::string& bytes, Conversion& conversion) {
    for (; at_ < bytes.size(); ++at_) {
      switch (bytes[at_]) {
        case '-':
          conversion.left = true;
          break;
        case '+':
          conversion.plus = true;
          break;
        case ' ':
          conversion.space = true;
          break;
        case '0':
          conversion.zero = true;
          break;
        case '#':
          conversion.alternate = true;
          break;
        default:
          return;
      }
    }
  }

  void convert(const std::string& bytes) {
    Conversion conversion;
    Value named;
    if (at_ < bytes.size() && bytes[at_] == '(') {
      named = named_value(bytes);
      if (named.is_failed()) {
        return;
      }
    }
    flags(bytes, conversion);
    if (!number(bytes, conversion.width)) {
      return;
    }
    if (conversion.width < 0) {
      conversion.left = true;
      conversion.width = -conversion.width;
    }
    if (at_ < bytes.size() && bytes[at_] == '.') {
      ++at_;
      if (!number(bytes, conversion.precision)) {
        return;
      }
      conversion.precision = std::max<int64_t>(conversion.precision, 0);
    }
    while (at_ < bytes.size() && (bytes[at_] == 'l' || bytes[at_] == 'h' || bytes[at_] == 'L')) {
      ++at_;
    }
    if (at_ >= bytes.size()) {
      rt_.raise("incomplete format");
      return;
    }
    conversion.type = bytes[at_++];
    if (conversion.type == '%') {
      out_.append("%", Origin::kTemplate);
      return;
    }
    const Value value = named.is(Kind::kMissing) ? next_value() : named;
    if (!value.is_failed()) {
      write(value, conversion);
    }
  }

  void write(const Value& value, const Conversion& conversion) {
    static constexpr std::string_view kNumeric = "diufFeEgGxXo";
    if (conversion.type == 's' || conversion.type == 'r' || conversion.type == 'a') {
      write_text(value, conversion);
    } else if (conversion.type == 'c') {
      write_character(value, conversion);
    } else if (kNumeric.find(conversion.type) != std::string_view::npos) {
      write_number(value, conversion);
    } else {
      rt_.raise(fmt::format("unsupported format character '{}'", conversion.type));
    }
  }

  void write_padded(MarkedText text, const Conversion& conversion) {
    FormatSpec spec;
    spec.width = conversion.width;
    spec.align = conversion.left ? '<' : '>';
    out_.append(pad(text, spec));
  }

  void write_text(const Value& value, const Conversion& conversion) {
    MarkedText text;
    if (conversion.type == 's') {
      append_str(rt_, text, value);
    } else {
      append_repr(rt_, text, value);
    }
    if (format_.markup && !value.markup) {
      text = escape_text(text);
    }
    rt_.spend(text.size() / 256);
    if (conversion.precision >= 0) {
      text = text.slice(0, byte_offset(text.bytes(), conversion.precision));
    }
    write_padded(std::move(text), conversion);
  }

  void write_character(const Value& value, const Conversion& conversion) {
    if (value.is_string() && value.string().code_points() == 1) {
      write_padded(value.text(), conversion);
      return;
    }
    if (!value.is_integral()) {
      rt_.raise("%c requires int or char");
      return;
    }
    FormatSpec spec;
    spec.type = 'c';
    write_padded(MarkedText(format_number(rt_, value, spec), Origin::kTemplate), conversion);
  }

  void write_number(const Value& value, const Conversion& conversion) {
    static constexpr std::string_view kInteger = "diuxXo";
    const bool integer = kInteger.find(conversion.type) != std::string_view::npos;
    if (value.is_undefined()) {
      raise_undefined(rt_, value);
      return;
    }
    const bool hex_or_octal =
        conversion.type == 'x' || conversion.type == 'X' || conversion.type == 'o';
    if (!value.is_number() || (hex_or_octal && !value.is_integral())) {
      rt_.raise(fmt::format("%{} format: a number is required, not {}", conversion.type,
                            type_name(value)));
      return;
    }
    FormatSpec spec;
    spec.sign = conversion.plus ? '+' : (conversion.space ? ' ' : '-');
    spec.alternate = conversion.alternate;
    spec.precision = conversion.precision;
    spec.width = conversion.width;
    spec.align = conversion.left ? '<' : (conversion.zero ? '=' : '>');
    spec.fill = conversion.zero && !conversion.left ? "0" : " ";
    spec.type = integer && !hex_or_octal ? 'd' : conversion.type;
    Value shown = value;
    if (integer && value.is(Kind::kFloat)) {
      if (!(std::fabs(value.real) < 9.2e18)) {
        rt_.raise("cannot convert this float to an integer");
        return;
      }
      shown = Value::integer_of(static_cast<int64_t>(value.real));
    }
    out_.append(format_number(rt_, shown, spec), Origin::kTemplate);
  }

  Runtime& rt_;
  const Value& format_;
  const Value& values_;
  bool is_mapping_ = false;
  size_t at_ = 0;
  size_t used_ = 0;
  MarkedText out_;
};

}  // namespace

Value format_percent(Runtime& rt, const Value& format, const Value& values) {
  return PercentFormatter(rt, format, values).run();
}

}  // namespace dak::jinja
