#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"

namespace dak::jinja {

enum class TokenKind : uint8_t {
  kData,
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int32_t line = 1;
  std::string text;  ///< data, name, decoded string or operator
  int64_t integer = 0;
  double real = 0.0;
};

/// Splits a template into tokens as Jinja does with trim_blocks and lstrip_blocks on and the last
/// newline of the template dropped: `{{ }}`, `{% %}`, `{# #}`, `{% raw %}`, the `-` and `+` signs;
/// comments and raw tags leave no token. Line breaks of every kind become `\n`.
///
/// Errors: kInvalidArgument with the line: an unknown character, an unbalanced bracket, a string,
/// comment or raw block without end, an integer beyond 64 bits, a bad escape.
Result<std::vector<Token>> tokenize(std::string_view source);

}  // namespace dak::jinja
