#include <cstdint>

#include "dakkar/text/output/tool_value.h"

namespace dak {
namespace {

constexpr int kMaxDepth = 64;

/// Reads one literal front to back and writes it as JSON.
class LiteralReader final {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  std::optional<std::string> read() {
    if (!value(0)) {
      return std::nullopt;
    }
    skip_space();
    return at_ == text_.size() ? std::optional(std::move(out_)) : std::nullopt;
  }

 private:
  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  void skip_space();
  bool accept(char c);
  bool word(std::string_view python, std::string_view json);
  bool value(int depth);
  bool items(char close, int depth);
  bool entries(int depth);
  bool quoted();
  bool escape(std::string& bytes);
  bool code_point(size_t digits, std::string& bytes);
  bool number();

  std::string_view text_;
  size_t at_ = 0;
  std::string out_;
};

void LiteralReader::skip_space() {
  while (!done() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
    ++at_;
  }
}

bool LiteralReader::accept(char c) {
  skip_space();
  if (done() || text_[at_] != c) {
    return false;
  }
  ++at_;
  return true;
}

bool LiteralReader::word(std::string_view python, std::string_view json) {
  if (!text_.substr(at_).starts_with(python)) {
    return false;
  }
  at_ += python.size();
  out_ += json;
  return true;
}

bool LiteralReader::value(int depth) {
  skip_space();
  if (done() || depth > kMaxDepth) {
    return false;
  }
  switch (text_[at_]) {
    case '{':
      return entries(depth);
    case '[':
      return items(']', depth);
    case '(':
      return items(')', depth);
    case '\'':
    case '"':
      return quoted();
    default:
      break;
  }
  return word("None", "null") || word("null", "null") || word("True", "true") ||
         word("true", "true") || word("False", "false") || word("false", "false") || number();
}

bool LiteralReader::items(char close, int depth) {
  ++at_;
  out_ += '[';
  bool first = true;
  while (!accept(close)) {
    if (!first) {
      out_ += ", ";
    }
    first = false;
    if (!value(depth + 1)) {
      return false;
    }
    if (!accept(',')) {
      skip_space();
      if (done() || text_[at_] != close) {
        return false;
      }
    }
  }
  out_ += ']';
  return true;
}

bool LiteralReader::entries(int depth) {
  ++at_;
  out_ += '{';
  bool first = true;
  while (!accept('}')) {
    out_ += first ? "" : ", ";
    first = false;
    skip_space();
    if (done() || (text_[at_] != '\'' && text_[at_] != '"') || !quoted() || !accept(':')) {
      return false;
    }
    out_ += ": ";
    if (!value(depth + 1)) {
      return false;
    }
    if (!accept(',')) {
      skip_space();
      if (done() || text_[at_] != '}') {
        return false;
      }
    }
  }
  out_ += '}';
  return true;
}

bool LiteralReader::quoted() {
  const char quote = text_[at_++];
  std::string bytes;
  while (!done() && text_[at_] != quote) {
    if (text_[at_] == '\\') {
      ++at_;
      if (!escape(bytes)) {
        return false;
      }
    } else {
      bytes += text_[at_++];
    }
  }
  if (done()) {
    return false;
  }
  ++at_;
  out_ += json_quote(bytes);
  return true;
}

bool LiteralReader::escape(std::string& bytes) {
  static constexpr std::string_view kNames = "ntrbf0\\'\"\n";
  static constexpr std::string_view kBytes("\n\t\r\b\f\0\\'\"", 9);
  if (done()) {
    return false;
  }
  const char name = text_[at_++];
  if (name == 'x') {
    return code_point(2, bytes);
  }
  if (name == 'u') {
    return code_point(4, bytes);
  }
  const size_t index = kNames.find(name);
  if (index == std::string_view::npos) {
    bytes += '\\';  // as Python keeps an escape that it does not know
    bytes += name;
  } else if (index < kBytes.size()) {
    bytes += kBytes[index];
  }
  return true;
}

bool LiteralReader::code_point(size_t digits, std::string& bytes) {
  uint32_t code = 0;
  for (size_t i = 0; i < digits; ++i) {
    const size_t digit = done() ? std::string_view::npos
                                : std::string_view("0123456789abcdefABCDEF").find(text_[at_]);
    if (digit == std::string_view::npos) {
      return false;
    }
    code = code * 16 + static_cast<uint32_t>(digit > 15 ? digit - 6 : digit);
    ++at_;
  }
  if (code < 0x80) {
    bytes += static_cast<char>(code);
  } else if (code < 0x800) {
    bytes += static_cast<char>(0xC0 | (code >> 6));
    bytes += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    bytes += static_cast<char>(0xE0 | (code >> 12));
    bytes += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    bytes += static_cast<char>(0x80 | (code & 0x3F));
  }
  return true;
}

bool LiteralReader::number() {
  const size_t end = text_.find_first_not_of("+-.0123456789eE", at_);
  const std::string_view digits =
      text_.substr(at_, end == std::string_view::npos ? end : end - at_);
  ValueTypes types;
  types.types = {ValueType::kNumber};
  const std::string json = value_to_json(digits, types);
  if (digits.empty() || json.starts_with('"')) {
    return false;
  }
  at_ += digits.size();
  out_ += json;
  return true;
}

}  // namespace

std::optional<std::string> python_literal_to_json(std::string_view text) {
  return LiteralReader(text).read();
}

}  // namespace dak
