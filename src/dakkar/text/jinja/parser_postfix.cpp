#include <fmt/core.h>

#include "dakkar/text/jinja/parser.h"

namespace dak::jinja {

const Expr* Parser::parse_postfix(const Expr* node) {
  while (node != nullptr) {
    if (at_operator(".")) {
      node = parse_dot(node);
    } else if (at_operator("[")) {
      node = parse_subscript(node);
    } else if (at_operator("(")) {
      node = parse_call(node);
    } else {
      break;
    }
  }
  return node;
}

const Expr* Parser::parse_filter_expression(const Expr* node) {
  while (node != nullptr) {
    if (at_operator("|")) {
      node = parse_filter_chain(node);
    } else if (at_name("is")) {
      node = parse_test(node);
    } else if (at_operator("(")) {
      node = parse_call(node);
    } else {
      break;
    }
  }
  return node;
}

const Expr* Parser::parse_dot(const Expr* node) {
  const int32_t line = next().line;
  const Token& token = next();
  if (token.kind == TokenKind::kName) {
    Expr* attribute = make(ExprKind::kAttribute, line);
    attribute->name = token.text;
    attribute->children = {node};
    return finish(attribute);
  }
  if (token.kind != TokenKind::kInteger) {
    raise("expected name or number");
    return nullptr;
  }
  Expr* index = make(ExprKind::kConst, token.line);
  index->constant = Value::integer_of(token.integer);
  return binary(ExprKind::kSubscript, line, node, finish(index));
}

const Expr* Parser::parse_subscript(const Expr* node) {
  const int32_t line = next().line;
  std::vector<const Expr*> parts;
  bool any_slice = false;
  while (!failed_ && !at_operator("]")) {
    if (!parts.empty() && !expect_operator(",")) {
      return nullptr;
    }
    const SubscriptItem item = parse_subscript_item(node);
    const Expr* part = item.expr;
    if (part == nullptr) {
      return nullptr;
    }
    any_slice = any_slice || item.is_slice;
    parts.push_back(part);
  }
  if (failed_ || !expect_operator("]")) {
    return nullptr;
  }
  if (parts.size() == 1) {
    return any_slice ? parts[0] : binary(ExprKind::kSubscript, line, node, parts[0]);
  }
  if (any_slice) {
    raise_at("a slice inside a tuple subscript is not supported", line);
    return nullptr;
  }
  Expr* tuple = make(ExprKind::kTuple, line);
  tuple->children = std::move(parts);
  return binary(ExprKind::kSubscript, line, node, finish(tuple));
}

Parser::SubscriptItem Parser::parse_subscript_item(const Expr* node) {
  const int32_t line = current().line;
  const Expr* start = nullptr;
  if (!at_operator(":")) {
    start = parse_expression();
    if (start == nullptr || !at_operator(":")) {
      return {.expr = start, .is_slice = false};
    }
  }
  next();
  const auto at_end = [this] { return at_operator("]") || at_operator(","); };
  const Expr* stop = at_operator(":") || at_end() ? nullptr : parse_expression();
  const Expr* step = nullptr;
  if (!failed_ && skip_operator(":") && !at_end()) {
    step = parse_expression();
  }
  if (failed_) {
    return {};
  }
  Expr* slice = make(ExprKind::kSlice, line);
  slice->children = {node, start, stop, step};
  return {.expr = finish(slice), .is_slice = true};
}

bool Parser::parse_argument(Expr* call) {
  const int32_t line = current().line;
  if (skip_operator("*")) {
    if (call->star != nullptr || call->double_star != nullptr) {
      return raise_at("invalid syntax for function call expression", line);
    }
    call->star = parse_expression();
    return call->star != nullptr;
  }
  if (call->double_star != nullptr) {
    return raise_at("invalid syntax for function call expression", line);
  }
  if (skip_operator("**")) {
    call->double_star = parse_expression();
    return call->double_star != nullptr;
  }
  const bool keyword = current().kind == TokenKind::kName && look().kind == TokenKind::kOperator &&
                       look().text == "=";
  if (keyword) {
    KeywordArgument argument{.name = next().text, .value = nullptr};
    next();
    argument.value = parse_expression();
    for (const KeywordArgument& known : call->keywords) {
      if (known.name == argument.name) {
        return raise_at(fmt::format("keyword argument repeated: {}", known.name), line);
      }
    }
    call->keywords.push_back(std::move(argument));
    return !failed_;
  }
  if (call->star != nullptr || !call->keywords.empty()) {
    return raise_at("invalid syntax for function call expression", line);
  }
  call->children.push_back(parse_expression());
  return !failed_;
}

bool Parser::parse_arguments(Expr* call) {
  if (!expect_operator("(")) {
    return false;
  }
  bool first = true;
  while (!at_operator(")")) {
    if (!first && !expect_operator(",")) {
      return false;
    }
    if (at_operator(")")) {
      break;
    }
    if (!parse_argument(call)) {
      return false;
    }
    first = false;
  }
  return expect_operator(")");
}

const Expr* Parser::parse_call(const Expr* callee) {
  Expr* call = make(ExprKind::kCall, current().line);
  call->children = {callee};
  return parse_arguments(call) ? finish(call) : nullptr;
}

const Expr* Parser::parse_filter(const Expr* input) {
  Expr* filter = make(ExprKind::kFilter, current().line);
  filter->children = {input};
  filter->name = take_name();
  while (!failed_ && skip_operator(".")) {
    filter->name += "." + take_name();
  }
  if (failed_ || (at_operator("(") && !parse_arguments(filter))) {
    return nullptr;
  }
  return finish(filter);
}

const Expr* Parser::parse_filter_chain(const Expr* input) {
  while (!failed_ && skip_operator("|")) {
    input = parse_filter(input);
  }
  return failed_ ? nullptr : input;
}

const Expr* Parser::parse_test(const Expr* input) {
  const int32_t line = next().line;
  const bool negated = skip_name("not");
  Expr* test = make(ExprKind::kTest, line);
  test->children = {input};
  test->name = take_name();
  while (!failed_ && skip_operator(".")) {
    test->name += "." + take_name();
  }
  if (failed_) {
    return nullptr;
  }
  const TokenKind kind = current().kind;
  const bool literal = kind == TokenKind::kName || kind == TokenKind::kString ||
                       kind == TokenKind::kInteger || kind == TokenKind::kFloat;
  if (at_operator("(")) {
    if (!parse_arguments(test)) {
      return nullptr;
    }
  } else if ((literal || at_operator("[") || at_operator("{")) &&
             !at_any_name({"else", "or", "and"})) {
    if (at_name("is")) {
      raise("cannot chain multiple tests with is");
      return nullptr;
    }
    test->children.push_back(parse_postfix(parse_primary()));
  }
  const Expr* node = failed_ ? nullptr : finish(test);
  return negated ? unary(ExprKind::kNot, line, node) : node;
}

}  // namespace dak::jinja
