#include "dakkar/text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/core.h>

#include "dakkar/text/jinja/string_literal.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

enum class Mode { kVariable, kBlock };
enum class LineStrip { kNo, kYes };

std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text.push_back(source[i]);
      continue;
    }
    text.push_back('\n');
    if (i + 1 < source.size() && source[i + 1] == '\n') {
      ++i;
    }
  }
  if (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string text) : text_(std::move(text)) {}

  Result<std::vector<Token>> run() {
    while (at_ < text_.size() && !error_) {
      lex_data();
    }
    if (error_) {
      return fail(ErrorCode::kInvalidArgument, fmt::format("line {}: {}", error_line_, message_));
    }
    push(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  std::string_view rest(size_t from) const { return std::string_view(text_).substr(from); }
  bool starts(size_t from, std::string_view prefix) const {
    return rest(std::min(from, text_.size())).substr(0, prefix.size()) == prefix;
  }
  void push(TokenKind kind, std::string text) {
    Token token;
    token.kind = kind;
    token.line = line_;
    token.text = std::move(text);
    tokens_.push_back(std::move(token));
  }
  void raise(std::string message) {
    if (!error_) {
      error_ = true;
      error_line_ = line_;
      message_ = std::move(message);
    }
  }
  void advance(size_t to) {
    line_ += static_cast<int32_t>(std::count(text_.begin() + static_cast<int64_t>(at_),
                                             text_.begin() + static_cast<int64_t>(to), '\n'));
    at_ = to;
  }
  size_t space_end(size_t from) const {
    while (from < text_.size()) {
      const Decoded one = decode_at(text_, static_cast<int64_t>(from));
      if (!is_space(one.code_point)) {
        break;
      }
      from += static_cast<size_t>(one.bytes);
    }
    return from;
  }
  size_t next_tag(size_t from) const;
  std::string_view stripped_data(size_t begin, size_t tag, LineStrip line) const;
  bool raw_tag_end(size_t tag, size_t& end) const;
  void lex_data();
  void lex_comment(size_t tag);
  void lex_raw(size_t body);
  bool match_raw_end(size_t tag, size_t& end) const;
  void lex_code(Mode mode);
  bool match_end(Mode mode);
  void lex_name();
  bool lex_number();
  bool lex_string();
  bool lex_operator();
  bool track_bracket(char symbol);
  size_t after_block_end(size_t end) const;

  std::string text_;
  size_t at_ = 0;
  int32_t line_ = 1;
  bool line_starting_ = true;
  std::vector<char> brackets_;
  std::vector<Token> tokens_;
  bool error_ = false;
  int32_t error_line_ = 0;
  std::string message_;
};

size_t Lexer::next_tag(size_t from) const {
  for (size_t i = text_.find('{', from); i != std::string::npos; i = text_.find('{', i + 1)) {
    const char next = i + 1 < text_.size() ? text_[i + 1] : '\0';
    if (next == '{' || next == '%' || next == '#') {
      return i;
    }
  }
  return std::string::npos;
}

// Applies the tag's sign to the text before it; lstrip_blocks does not touch `{{ }}`.
std::string_view Lexer::stripped_data(size_t begin, size_t tag, LineStrip line) const {
  std::string_view data = std::string_view(text_).substr(begin, tag - begin);
  const char sign = tag + 2 < text_.size() ? text_[tag + 2] : '\0';
  if (sign == '-') {
    return trim_right(data);
  }
  if (sign == '+' || line == LineStrip::kNo) {
    return data;
  }
  const size_t newline = data.rfind('\n');
  const size_t from = newline == std::string_view::npos ? 0 : newline + 1;
  const bool at_line_start = from > 0 || line_starting_;
  if (at_line_start && from < data.size() && space_end(begin + from) >= tag) {
    return data.substr(0, from);
  }
  return data;
}

// Recognises `{% raw %}` at `tag`.
bool Lexer::raw_tag_end(size_t tag, size_t& end) const {
  size_t at = tag + 2;
  if (starts(at, "-") || starts(at, "+")) {
    ++at;
  }
  at = space_end(at);
  if (!starts(at, "raw")) {
    return false;
  }
  at = space_end(at + 3);
  if (starts(at, "-%}")) {
    end = space_end(at + 3);
    return true;
  }
  end = at + 2;
  return starts(at, "%}");
}

void Lexer::lex_data() {
  const size_t tag = next_tag(at_);
  if (tag == std::string::npos) {
    push(TokenKind::kData, text_.substr(at_));
    advance(text_.size());
    return;
  }
  const char kind = text_[tag + 1];
  const std::string_view data =
      stripped_data(at_, tag, kind != '{' ? LineStrip::kYes : LineStrip::kNo);
  if (!data.empty()) {
    push(TokenKind::kData, std::string(data));
  }
  advance(tag);
  size_t raw_body = 0;
  if (kind == '%' && raw_tag_end(tag, raw_body)) {
    lex_raw(raw_body);
    return;
  }
  if (kind == '#') {
    lex_comment(tag);
    return;
  }
  const bool sign = starts(tag + 2, "-") || starts(tag + 2, "+");
  push(kind == '%' ? TokenKind::kBlockBegin : TokenKind::kVariableBegin, {});
  advance(tag + (sign ? 3 : 2));
  lex_code(kind == '%' ? Mode::kBlock : Mode::kVariable);
}

// trim_blocks: one newline after a tag goes away.
size_t Lexer::after_block_end(size_t end) const {
  return starts(end, "\n") ? end + 1 : end;
}

void Lexer::lex_comment(size_t tag) {
  const bool sign = starts(tag + 2, "-") || starts(tag + 2, "+");
  const size_t body = tag + (sign ? 3 : 2);
  const size_t close = text_.find("#}", body);
  if (close == std::string::npos) {
    raise("missing end of comment tag");
    return;
  }
  size_t end = close + 2;
  const char before = close > body ? text_[close - 1] : '\0';
  if (before == '-') {
    end = space_end(end);
  } else if (before != '+') {
    end = after_block_end(end);
  }
  advance(end);
  line_starting_ = text_[end - 1] == '\n';
}

bool Lexer::match_raw_end(size_t tag, size_t& end) const {
  size_t at = tag + 2;
  if (starts(at, "-") || starts(at, "+")) {
    ++at;
  }
  at = space_end(at);
  if (!starts(at, "endraw")) {
    return false;
  }
  at = space_end(at + 6);
  if (starts(at, "-%}")) {
    end = space_end(at + 3);
    return true;
  }
  if (starts(at, "+%}")) {
    end = at + 3;
    return true;
  }
  end = after_block_end(at + 2);
  return starts(at, "%}");
}

void Lexer::lex_raw(size_t body) {
  advance(body);
  line_starting_ = text_[body - 1] == '\n';
  size_t end = 0;
  for (size_t tag = text_.find("{%", body); tag != std::string::npos;
       tag = text_.find("{%", tag + 1)) {
    if (!match_raw_end(tag, end)) {
      continue;
    }
    const std::string_view data = stripped_data(body, tag, LineStrip::kYes);
    if (!data.empty()) {
      push(TokenKind::kData, std::string(data));
    }
    advance(end);
    line_starting_ = text_[end - 1] == '\n';
    return;
  }
  raise("missing end of raw directive");
}

bool Lexer::match_end(Mode mode) {
  if (!brackets_.empty()) {
    return false;
  }
  const std::string_view mark = mode == Mode::kBlock ? "%}" : "}}";
  size_t end = 0;
  if (starts(at_, "-") && starts(at_ + 1, mark)) {
    end = space_end(at_ + 3);
  } else if (mode == Mode::kBlock && starts(at_, "+%}")) {
    end = at_ + 3;
  } else if (starts(at_, mark)) {
    end = mode == Mode::kBlock ? after_block_end(at_ + 2) : at_ + 2;
  } else {
    return false;
  }
  push(mode == Mode::kBlock ? TokenKind::kBlockEnd : TokenKind::kVariableEnd, {});
  advance(end);
  line_starting_ = text_[end - 1] == '\n';
  return true;
}

void Lexer::lex_code(Mode mode) {
  while (!error_) {
    advance(space_end(at_));
    if (at_ >= text_.size()) {
      return;  // the parser reports the missing end
    }
    if (match_end(mode)) {
      return;
    }
    const Decoded one = decode_at(text_, static_cast<int64_t>(at_));
    if (lex_number() || lex_string()) {
      continue;
    }
    if (is_identifier_start(one.code_point)) {
      lex_name();
      continue;
    }
    if (!lex_operator()) {
      raise(fmt::format("unexpected char '{}'", text_.substr(at_, static_cast<size_t>(one.bytes))));
    }
  }
}

void Lexer::lex_name() {
  size_t end = at_;
  while (end < text_.size()) {
    const Decoded part = decode_at(text_, static_cast<int64_t>(end));
    if (!is_identifier_part(part.code_point)) {
      break;
    }
    end += static_cast<size_t>(part.bytes);
  }
  push(TokenKind::kName, text_.substr(at_, end - at_));
  at_ = end;
}

bool Lexer::lex_number() {
  const bool after_dot = at_ > 0 && text_[at_ - 1] == '.';
  const NumberLiteral number =
      read_number(rest(at_), after_dot ? NumberPlace::kAfterDot : NumberPlace::kElsewhere);
  if (number.length == 0) {
    return false;
  }
  if (number.too_large) {
    raise("integer literal beyond 64 bits");
    return true;
  }
  push(number.is_real ? TokenKind::kFloat : TokenKind::kInteger, {});
  tokens_.back().integer = number.integer;
  tokens_.back().real = number.real;
  at_ += static_cast<size_t>(number.length);
  return true;
}

bool Lexer::lex_string() {
  const char quote = text_[at_];
  if (quote != '\'' && quote != '"') {
    return false;
  }
  size_t end = at_ + 1;
  while (end < text_.size() && text_[end] != quote) {
    end += text_[end] == '\\' ? 2 : 1;
  }
  if (end >= text_.size()) {
    return false;
  }
  const auto decoded = decode_string(std::string_view(text_).substr(at_ + 1, end - at_ - 1));
  if (!decoded) {
    raise(decoded.error().message);
    return true;
  }
  push(TokenKind::kString, *decoded);
  advance(end + 1);
  return true;
}

bool Lexer::track_bracket(char symbol) {
  static constexpr std::array<std::pair<char, char>, 3> kPairs{
      {{'{', '}'}, {'(', ')'}, {'[', ']'}}};
  for (const auto& [open, close] : kPairs) {
    if (symbol == open) {
      brackets_.push_back(close);
      return true;
    }
    if (symbol != close) {
      continue;
    }
    if (brackets_.empty() || brackets_.back() != close) {
      raise(fmt::format("unexpected '{}'", symbol));
      return false;
    }
    brackets_.pop_back();
  }
  return true;
}

bool Lexer::lex_operator() {
  static constexpr std::array<std::string_view, 26> kOperators{
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (const std::string_view symbol : kOperators) {
    if (!starts(at_, symbol)) {
      continue;
    }
    if (symbol.size() == 1 && !track_bracket(symbol[0])) {
      return true;
    }
    push(TokenKind::kOperator, std::string(symbol));
    at_ += symbol.size();
    return true;
  }
  return false;
}

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view source) {
  return Lexer(normalized(source)).run();
}

}  // namespace dak::jinja
