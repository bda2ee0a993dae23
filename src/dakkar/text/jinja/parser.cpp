#include "dakkar/text/jinja/parser.h"

#include <algorithm>

#include <fmt/core.h>

namespace dak::jinja {

Result<Ast> parse(std::string_view source) {
  auto tokens = tokenize(source);
  if (!tokens) {
    return fail(tokens.error());
  }
  return Parser(std::move(*tokens)).run();
}

Result<Ast> Parser::run() {
  if (!parse_body(ast_.body, {}) || failed_) {
    return fail(ErrorCode::kInvalidArgument, message_);
  }
  return std::move(ast_);
}

const Token& Parser::next() {
  const Token& token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) {
    ++at_;
  }
  return token;
}

bool Parser::at_operator(std::string_view symbol) const {
  return current().kind == TokenKind::kOperator && current().text == symbol;
}

bool Parser::at_name(std::string_view name) const {
  return current().kind == TokenKind::kName && current().text == name;
}

bool Parser::at_any_name(Names names) const {
  return current().kind == TokenKind::kName &&
         std::find(names.begin(), names.end(), current().text) != names.end();
}

bool Parser::skip_operator(std::string_view symbol) {
  if (!at_operator(symbol)) {
    return false;
  }
  next();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!at_name(name)) {
    return false;
  }
  next();
  return true;
}

bool Parser::expect_operator(std::string_view symbol) {
  return skip_operator(symbol) || raise(fmt::format("expected token '{}'", symbol));
}

bool Parser::expect_name(std::string_view name) {
  return skip_name(name) || raise(fmt::format("expected token '{}'", name));
}

bool Parser::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) {
    return raise(fmt::format("expected {}", what));
  }
  next();
  return true;
}

std::string Parser::take_name() {
  if (current().kind != TokenKind::kName) {
    raise("expected a name");
    return {};
  }
  return next().text;
}

bool Parser::raise(std::string message) {
  return raise_at(std::move(message), current().line);
}

bool Parser::raise_at(std::string message, int32_t line) {
  if (!failed_) {
    failed_ = true;
    message_ = fmt::format("line {}: {}", line, message);
  }
  return false;
}

bool Parser::enter() {
  if (++depth_ > kMaxDepth) {
    return raise("template is nested too deeply");
  }
  return true;
}

bool Parser::parse_single_target(Target& target, Attributes attributes) {
  target.line = current().line;
  if (skip_operator("(")) {
    if (!enter() || !parse_target(target, {}, attributes)) {
      return false;
    }
    leave();
    return expect_operator(")");
  }
  target.name = take_name();
  if (failed_) {
    return false;
  }
  static constexpr std::string_view kReserved[] = {"true", "false", "none",
                                                   "True", "False", "None"};
  if (std::find(std::begin(kReserved), std::end(kReserved), target.name) != std::end(kReserved)) {
    return raise(fmt::format("can't assign to '{}'", target.name));
  }
  if (attributes == Attributes::kAllowed && skip_operator(".")) {
    target.kind = TargetKind::kNamespaceAttribute;
    target.attribute = take_name();
  }
  return !failed_;
}

bool Parser::parse_target(Target& target, Names end_names, Attributes attributes) {
  std::vector<Target> parts;
  bool is_tuple = false;
  const int32_t line = current().line;
  while (true) {
    if (at_tuple_end(end_names) || (!parts.empty() && at_operator("="))) {
      break;
    }
    if (!parse_single_target(parts.emplace_back(), attributes)) {
      return false;
    }
    if (!skip_operator(",")) {
      break;
    }
    is_tuple = true;
  }
  if (parts.empty()) {
    return raise("expected a name to assign to");
  }
  if (!is_tuple) {
    target = std::move(parts[0]);
    return true;
  }
  target.kind = TargetKind::kTuple;
  target.line = line;
  target.parts = std::move(parts);
  return true;
}

}  // namespace dak::jinja
