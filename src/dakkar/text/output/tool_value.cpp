#include "dakkar/text/output/tool_value.h"

#include <algorithm>
#include <cctype>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace dak {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == b;
         });
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Digits without leading zeros.
std::string_view without_zeros(std::string_view digits) {
  const size_t begin = digits.find_first_not_of('0');
  return begin == std::string_view::npos ? std::string_view("0") : digits.substr(begin);
}

/// A number's parts; absent when the text is no decimal number.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view exponent;  ///< with its sign
  bool has_point = false;
};

std::optional<Decimal> split_decimal(std::string_view text) {
  Decimal number;
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    number.exponent = text.substr(e + 1);
    std::string_view digits = number.exponent;
    if (!digits.empty() && (digits.front() == '+' || digits.front() == '-')) {
      digits.remove_prefix(1);
    }
    if (!all_digits(digits)) {
      return std::nullopt;
    }
    text = text.substr(0, e);
  }
  const size_t point = text.find('.');
  number.has_point = point != std::string_view::npos;
  number.whole = text.substr(0, point);
  number.fraction = number.has_point ? text.substr(point + 1) : std::string_view();
  const bool digits_only = (number.whole.empty() || all_digits(number.whole)) &&
                           (number.fraction.empty() || all_digits(number.fraction));
  if (!digits_only || (number.whole.empty() && number.fraction.empty())) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::string> as_integer(std::string_view text) {
  const std::optional<Decimal> number = split_decimal(text);
  if (!number || number->whole.empty() || !number->exponent.empty()) {
    return std::nullopt;
  }
  if (number->fraction.find_first_not_of('0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string digits(without_zeros(number->whole));
  return number->negative && digits != "0" ? "-" + digits : digits;
}

/// Keeps the digits as they were written, mended only where JSON would not read them.
std::optional<std::string> as_number(std::string_view text) {
  const std::optional<Decimal> number = split_decimal(text);
  if (!number) {
    return std::nullopt;
  }
  std::string out = number->negative ? "-" : "";
  out += number->whole.empty() ? std::string_view("0") : without_zeros(number->whole);
  if (number->has_point) {
    out += '.';
    out += number->fraction.empty() ? std::string_view("0") : number->fraction;
  }
  if (!number->exponent.empty()) {
    out += 'e';
    out += number->exponent;
  }
  return out;
}

std::optional<std::string> as_boolean(std::string_view text) {
  if (text == "true" || text == "True") {
    return "true";
  }
  if (text == "false" || text == "False") {
    return "false";
  }
  return std::nullopt;
}

/// The text itself when it is JSON of that kind, a Python literal of it as JSON.
std::optional<std::string> as_container(std::string_view text, ValueType type) {
  const char open = type == ValueType::kObject ? '{' : '[';
  if (text.starts_with('"')) {
    const Result<JsonDocument> outer = JsonDocument::parse(text);
    const Result<std::string_view> inner =
        outer ? outer->root().as_string() : fail(ErrorCode::kInvalidArgument, "no JSON");
    if (!inner || trimmed(*inner).starts_with('"')) {
      return std::nullopt;
    }
    return as_container(trimmed(*inner), type);
  }
  const bool tuple = type == ValueType::kArray && text.starts_with('(');
  if (!text.starts_with(open) && !tuple) {
    return std::nullopt;
  }
  if (!tuple && JsonDocument::parse(text)) {
    return std::string(text);
  }
  return python_literal_to_json(text);
}

std::optional<std::string> as_type(std::string_view text, ValueType type) {
  switch (type) {
    case ValueType::kString:
      return std::nullopt;
    case ValueType::kInteger:
      return as_integer(text);
    case ValueType::kNumber:
      return as_number(text);
    case ValueType::kBoolean:
      return as_boolean(text);
    case ValueType::kObject:
    case ValueType::kArray:
      return as_container(text, type);
  }
  return std::nullopt;
}

}  // namespace

std::string value_to_json(std::string_view text, const ValueTypes& types) {
  const std::string_view bare = trimmed(text);
  const bool says_null = equals_ignoring_case(bare, "null") || equals_ignoring_case(bare, "none");
  if (types.nullable && says_null) {
    return "null";
  }
  if (types.types.empty() || types.types.front() == ValueType::kString) {
    return json_quote(text);
  }
  for (const ValueType type : types.types) {
    if (std::optional<std::string> value = as_type(bare, type)) {
      return std::move(*value);
    }
  }
  const auto string = std::find(types.types.begin(), types.types.end(), ValueType::kString);
  if (string == types.types.end() && (bare == "null" || bare == "None")) {
    return "null";
  }
  return json_quote(text);
}

std::string spaced_json(const rapidjson::Value& value) {
  std::string out;
  if (value.IsObject()) {
    for (const auto& entry : value.GetObject()) {
      out += out.empty() ? "{" : ", ";
      out += json_quote({entry.name.GetString(), entry.name.GetStringLength()}) + ": ";
      out += spaced_json(entry.value);
    }
    return out.empty() ? "{}" : out + "}";
  }
  if (value.IsArray()) {
    for (const auto& item : value.GetArray()) {
      out += (out.empty() ? "[" : ", ") + spaced_json(item);
    }
    return out.empty() ? "[]" : out + "]";
  }
  if (value.IsString()) {
    return json_quote({value.GetString(), value.GetStringLength()});
  }
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string json_inner(std::string_view text) {
  const std::string quoted = json_quote(text);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace dak
