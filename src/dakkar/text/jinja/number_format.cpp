#include "dakkar/text/jinja/number_format.h"

#include <cmath>
#include <cstdio>

#include <fmt/core.h>

#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

bool is_align(std::string_view c) {
  return c == "<" || c == ">" || c == "^" || c == "=";
}

bool read_digits(Runtime& rt, std::string_view text, size_t& at, int64_t& out) {
  int64_t value = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
    value = value * 10 + (text[at++] - '0');
    if (value > kMaxFormatWidth) {
      rt.raise("format width or precision is too large");
      return false;
    }
  }
  out = value;
  return true;
}

bool take(std::string_view text, size_t& at, char wanted) {
  if (at < text.size() && text[at] == wanted) {
    ++at;
    return true;
  }
  return false;
}

void read_fill_and_align(std::string_view text, size_t& at, FormatSpec& spec) {
  if (text.empty()) {
    return;
  }
  const auto first = static_cast<size_t>(decode_at(text, 0).bytes);
  if (first < text.size() && is_align(text.substr(first, 1))) {
    spec.fill = std::string(text.substr(0, first));
    spec.align = text[first];
    at = first + 1;
  } else if (is_align(text.substr(0, 1))) {
    spec.align = text[0];
    at = 1;
  }
}

// `type` is a conversion of printf, with its flags.
std::string printf_float(double number, int64_t precision, const std::string& type) {
  const std::string format = "%" + type.substr(0, type.size() - 1) + ".*" + type.back();
  const int digits = static_cast<int>(precision);
  const int length = std::snprintf(nullptr, 0, format.c_str(), digits, number);
  std::string out(static_cast<size_t>(length) + 1, '\0');
  std::snprintf(out.data(), out.size(), format.c_str(), digits, number);
  out.pop_back();
  return out;
}

std::string unsigned_digits(uint64_t value, unsigned base, char ten) {
  std::string digits;
  do {
    const unsigned digit = static_cast<unsigned>(value % base);
    digits.insert(digits.begin(), static_cast<char>(digit < 10 ? '0' + digit : ten + digit - 10));
    value /= base;
  } while (value > 0);
  return digits;
}

std::string grouped(const std::string& digits, char mark, size_t every) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789abcdefABCDEF"), digits.size());
  std::string out;
  for (size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % every == 0) {
      out.push_back(mark);
    }
    out.push_back(digits[i]);
  }
  return out + digits.substr(whole);
}

std::string integer_digits(int64_t number, const FormatSpec& spec, std::string& prefix) {
  const uint64_t size =
      number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  const unsigned base =
      spec.type == 'b' ? 2 : (spec.type == 'o' ? 8 : ((spec.type | 0x20) == 'x' ? 16 : 10));
  if (spec.alternate && base != 10) {
    prefix = std::string("0") + spec.type;
  }
  std::string digits = unsigned_digits(size, base, spec.type == 'X' ? 'A' : 'a');
  while (static_cast<int64_t>(digits.size()) < spec.precision) {
    digits.insert(digits.begin(), '0');
  }
  return spec.grouping == '\0' ? digits : grouped(digits, spec.grouping, base == 10 ? 3 : 4);
}

std::string float_digits(double number, const FormatSpec& spec) {
  const double size = std::fabs(number);
  if (!std::isfinite(size)) {
    const bool upper = spec.type == 'F' || spec.type == 'E' || spec.type == 'G';
    return std::string(std::isnan(size) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf")) +
           (spec.type == '%' ? "%" : "");
  }
  std::string digits;
  if (spec.type == '\0' && spec.precision < 0) {
    digits = repr_float(size);
  } else if (spec.type == '\0') {
    digits = printf_float(size, std::max<int64_t>(spec.precision, 1), "g");
    if (digits.find_first_of(".e") == std::string::npos) {
      digits += ".0";
    }
  } else if (spec.type == '%') {
    digits = printf_float(size * 100.0, spec.precision < 0 ? 6 : spec.precision, "f") + "%";
  } else {
    const int64_t precision = spec.precision < 0 ? 6 : spec.precision;
    const std::string type(1, spec.type == 'n' ? 'g' : spec.type);
    digits = printf_float(size, precision, (spec.alternate ? "#" : "") + type);
  }
  return spec.grouping == '\0' ? digits : grouped(digits, spec.grouping, 3);
}

std::string padded(std::string sign, const std::string& digits, const FormatSpec& spec) {
  const auto size = static_cast<int64_t>(sign.size() + digits.size());
  const int64_t missing = std::max<int64_t>(spec.width - size, 0);
  std::string fill;
  const auto fill_with = [&](int64_t times) {
    fill.clear();
    for (int64_t i = 0; i < times; ++i) {
      fill += spec.fill;
    }
    return fill;
  };
  switch (spec.align) {
    case '<':
      return sign + digits + fill_with(missing);
    case '^': {
      const std::string left = fill_with(missing / 2);
      return left + sign + digits + fill_with(missing - missing / 2);
    }
    case '=':
      return sign + fill_with(missing) + digits;
    default:
      return fill_with(missing) + sign + digits;
  }
}

}  // namespace

bool parse_format_spec(Runtime& rt, std::string_view text, FormatSpec& spec) {
  size_t at = 0;
  read_fill_and_align(text, at, spec);
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) {
    spec.sign = text[at++];
  }
  spec.alternate = take(text, at, '#');
  if (take(text, at, '0') && spec.align == '\0') {
    spec.fill = "0";
    spec.align = '=';
  }
  if (!read_digits(rt, text, at, spec.width)) {
    return false;
  }
  if (at < text.size() && (text[at] == ',' || text[at] == '_')) {
    spec.grouping = text[at++];
  }
  if (take(text, at, '.')) {
    const size_t begin = at;
    if (!read_digits(rt, text, at, spec.precision)) {
      return false;
    }
    if (at == begin) {
      rt.raise("format specifier missing precision");
      return false;
    }
  }
  if (at < text.size()) {
    spec.type = text[at++];
  }
  if (at < text.size()) {
    rt.raise("invalid format specifier");
    return false;
  }
  return true;
}

std::string format_number(Runtime& rt, const Value& number, const FormatSpec& spec) {
  static constexpr std::string_view kIntegerTypes = "dboxXcn";
  static constexpr std::string_view kFloatTypes = "eEfFgG%n";
  const bool plain = spec.type == '\0';
  const bool as_integer =
      number.is_integral() && (plain || kIntegerTypes.find(spec.type) != std::string_view::npos);
  std::string prefix;
  std::string digits;
  bool negative = false;
  if (as_integer) {
    const int64_t value = number.as_integer();
    negative = value < 0;
    if (spec.type == 'c') {
      if (value < 0 || value > 0x10FFFF) {
        rt.raise("%c arg not in range(0x110000)");
        return {};
      }
      append_utf8(digits, static_cast<int32_t>(value));
      negative = false;
    } else {
      digits = integer_digits(value, spec, prefix);
    }
  } else if (plain || kFloatTypes.find(spec.type) != std::string_view::npos) {
    negative = std::signbit(number.as_real()) && !std::isnan(number.as_real());
    digits = float_digits(number.as_real(), spec);
  } else {
    rt.raise(fmt::format("unknown format code '{}' for object of type '{}'", spec.type,
                         type_name(number)));
    return {};
  }
  std::string sign = negative ? "-" : (spec.sign == '-' ? "" : std::string(1, spec.sign));
  return padded(sign + prefix, digits, spec);
}

MarkedText pad(const MarkedText& text, const FormatSpec& spec) {
  const int64_t missing = spec.width - count_code_points(text.bytes());
  if (missing <= 0) {
    return text;
  }
  const int64_t left = spec.align == '>' ? missing : (spec.align == '^' ? missing / 2 : 0);
  MarkedText out;
  for (int64_t i = 0; i < left; ++i) {
    out.append(spec.fill, Origin::kTemplate);
  }
  out.append(text);
  for (int64_t i = left; i < missing; ++i) {
    out.append(spec.fill, Origin::kTemplate);
  }
  return out;
}

}  // namespace dak::jinja
