#include "dakkar/text/jinja/string_literal.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

bool is_decimal_digit(char c) {
  return c >= '0' && c <= '9';
}

int digit_of(char c) {
  if (is_decimal_digit(c)) {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

char char_at(std::string_view text, size_t at) {
  return at < text.size() ? text[at] : '\0';
}

// Digits with single underscores between them; returns the end.
size_t digits_end(std::string_view text, size_t at) {
  while (is_decimal_digit(char_at(text, at))) {
    ++at;
    if (char_at(text, at) == '_' && is_decimal_digit(char_at(text, at + 1))) {
      ++at;
    }
  }
  return at;
}

size_t exponent_end(std::string_view text, size_t at) {
  if ((char_at(text, at) | 0x20) != 'e') {
    return at;
  }
  size_t from = at + 1;
  if (char_at(text, from) == '+' || char_at(text, from) == '-') {
    ++from;
  }
  return is_decimal_digit(char_at(text, from)) ? digits_end(text, from) : at;
}

std::string without_underscores(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '_') {
      plain.push_back(c);
    }
  }
  return plain;
}

NumberLiteral based_integer(std::string_view text, int base) {
  NumberLiteral number;
  size_t at = 2;
  bool any = false;
  uint64_t value = 0;
  while (at < text.size()) {
    const size_t digit_at = char_at(text, at) == '_' ? at + 1 : at;
    const int digit = digit_of(char_at(text, digit_at));
    if (digit >= base) {
      break;
    }
    number.too_large = number.too_large || value > (uint64_t{1} << 58);
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    any = true;
    at = digit_at + 1;
  }
  number.length = any ? static_cast<int64_t>(at) : 0;
  number.integer = static_cast<int64_t>(value);
  return number;
}

NumberLiteral decimal_integer(std::string_view text) {
  NumberLiteral number;
  size_t end = digits_end(text, 0);
  if (char_at(text, 0) == '0') {
    end = 1;
    while (char_at(text, end) == '0' ||
           (char_at(text, end) == '_' && char_at(text, end + 1) == '0')) {
      ++end;
    }
  }
  const std::string plain = without_underscores(text.substr(0, end));
  const auto parsed = std::from_chars(plain.data(), plain.data() + plain.size(), number.integer);
  number.too_large = parsed.ec != std::errc();
  number.length = static_cast<int64_t>(end);
  return number;
}

Result<int32_t> read_hex(std::string_view body, size_t at, size_t digits) {
  if (at + digits > body.size()) {
    return fail(ErrorCode::kInvalidArgument, "truncated escape in a string");
  }
  int32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = digit_of(body[at + i]);
    if (digit > 15) {
      return fail(ErrorCode::kInvalidArgument, "truncated escape in a string");
    }
    if (value > 0x110000) {
      return fail(ErrorCode::kInvalidArgument, "illegal unicode character in a string");
    }
    value = value * 16 + digit;
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    return fail(ErrorCode::kInvalidArgument, "illegal unicode character in a string");
  }
  return value;
}

char simple_escape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'a':
      return '\a';
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '\\':
    case '\'':
    case '"':
      return c;
    default:
      return '\0';
  }
}

// Decodes the escape whose backslash is at `at`; returns the position after it.
Result<size_t> decode_escape(std::string_view body, size_t at, std::string& out) {
  const char c = char_at(body, at + 1);
  if (c == '\n') {
    return at + 2;
  }
  if (simple_escape(c) != '\0') {
    out.push_back(simple_escape(c));
    return at + 2;
  }
  if (c >= '0' && c <= '7') {
    int32_t value = 0;
    size_t end = at + 1;
    for (; end < at + 4 && char_at(body, end) >= '0' && char_at(body, end) <= '7'; ++end) {
      value = value * 8 + (body[end] - '0');
    }
    append_utf8(out, value);
    return end;
  }
  const size_t digits = c == 'x' ? 2 : (c == 'u' ? 4 : (c == 'U' ? 8 : 0));
  if (c == 'N') {
    return fail(ErrorCode::kInvalidArgument, "named unicode escapes are not supported");
  }
  if (digits == 0) {
    out.push_back('\\');
    return at + 1;
  }
  const auto value = read_hex(body, at + 2, digits);
  if (!value) {
    return fail(value.error());
  }
  append_utf8(out, *value);
  return at + 2 + digits;
}

}  // namespace

NumberLiteral read_number(std::string_view text, NumberPlace place) {
  const bool after_dot = place == NumberPlace::kAfterDot;
  if (!is_decimal_digit(char_at(text, 0))) {
    return {};
  }
  const size_t whole = digits_end(text, 0);
  size_t end = whole;
  if (!after_dot && char_at(text, end) == '.' && is_decimal_digit(char_at(text, end + 1))) {
    end = digits_end(text, end + 1);
  }
  if (!after_dot) {
    end = exponent_end(text, end);
  }
  if (end != whole) {
    NumberLiteral number;
    number.length = static_cast<int64_t>(end);
    number.is_real = true;
    number.real = std::strtod(without_underscores(text.substr(0, end)).c_str(), nullptr);
    return number;
  }
  const char mark = static_cast<char>(char_at(text, 1) | 0x20);
  const int base = mark == 'x' ? 16 : (mark == 'o' ? 8 : (mark == 'b' ? 2 : 0));
  if (text[0] == '0' && base != 0) {
    const NumberLiteral number = based_integer(text, base);
    if (number.length > 0) {
      return number;
    }
  }
  return decimal_integer(text);
}

Result<std::string> decode_string(std::string_view body) {
  std::string out;
  out.reserve(body.size());
  for (size_t at = 0; at < body.size();) {
    if (body[at] != '\\') {
      out.push_back(body[at++]);
      continue;
    }
    const auto next = decode_escape(body, at, out);
    if (!next) {
      return fail(next.error());
    }
    at = *next;
  }
  return out;
}

std::string_view trim_left(std::string_view text) {
  int64_t at = 0;
  while (at < static_cast<int64_t>(text.size())) {
    const Decoded one = decode_at(text, at);
    if (!is_space(one.code_point)) {
      break;
    }
    at += one.bytes;
  }
  return text.substr(static_cast<size_t>(at));
}

std::string_view trim_right(std::string_view text) {
  while (!text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 4 && (text[begin] & 0xC0) == 0x80) {
      --begin;
    }
    const Decoded one = decode_at(text, static_cast<int64_t>(begin));
    if (begin + static_cast<size_t>(one.bytes) != text.size() || !is_space(one.code_point)) {
      break;
    }
    text = text.substr(0, begin);
  }
  return text;
}

}  // namespace dak::jinja
