#include "dakkar/text/jinja/number_parse.h"

#include <cctype>
#include <cstdlib>

#include "dakkar/text/jinja/string_literal.h"

namespace dak::jinja {
namespace {

std::string trimmed(const std::string& text) {
  return std::string(trim_left(trim_right(text)));
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 99;
}

int64_t prefix_base(const std::string& text, size_t at) {
  if (at + 1 >= text.size() || text[at] != '0') {
    return 0;
  }
  const int mark = std::tolower(static_cast<unsigned char>(text[at + 1]));
  return mark == 'x' ? 16 : (mark == 'o' ? 8 : (mark == 'b' ? 2 : 0));
}

// Removes underscores; false when one does not stand between two digits.
bool drop_underscores(const std::string& text, std::string& out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out.push_back(text[i]);
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() &&
                         std::isdigit(static_cast<unsigned char>(text[i - 1])) != 0 &&
                         std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!between) {
      return false;
    }
  }
  return true;
}

}  // namespace

ParsedInteger parse_python_int(const std::string& raw, int64_t base) {
  ParsedInteger result;
  const std::string text = trimmed(raw);
  size_t at = 0;
  const bool negative = !text.empty() && text[0] == '-';
  at += !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const int64_t prefixed = prefix_base(text, at);
  if (base < 0 || base == 1 || base > 36) {
    return result;
  }
  const bool has_prefix = prefixed != 0 && (base == 0 || base == prefixed);
  if (has_prefix) {
    at += 2;
    base = prefixed;
    at += at < text.size() && text[at] == '_' ? 1 : 0;
  }
  const bool zero_only = base == 0 && at < text.size() && text[at] == '0';
  base = base == 0 ? 10 : base;
  uint64_t value = 0;
  bool too_large = false;
  bool after_digit = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '_' && after_digit) {
      after_digit = false;
      continue;
    }
    const int digit = digit_of(text[at]);
    if (digit >= base) {
      return result;
    }
    too_large = too_large || value > (UINT64_MAX - 36) / static_cast<uint64_t>(base);
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
    after_digit = true;
  }
  if (!after_digit || (zero_only && value != 0)) {
    return result;
  }
  const uint64_t most = uint64_t{1} << 63;
  if (too_large || value > most || (value == most && !negative)) {
    result.state = ParsedInteger::State::kTooLarge;
    return result;
  }
  result.state = ParsedInteger::State::kOk;
  result.value = static_cast<int64_t>(negative ? 0 - value : value);
  return result;
}

bool parse_python_float(const std::string& raw, double& out) {
  std::string text;
  if (!drop_underscores(trimmed(raw), text) || text.empty()) {
    return false;
  }
  for (const char c : text) {
    const bool hex_or_payload =
        c == 'x' || c == 'X' || c == '(' || c == 'p' || c == 'P' || c == ' ';
    if (hex_or_payload || c == '\0') {
      return false;
    }
  }
  char* end = nullptr;
  out = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() &&
         std::isspace(static_cast<unsigned char>(text[0])) == 0;
}

}  // namespace dak::jinja
