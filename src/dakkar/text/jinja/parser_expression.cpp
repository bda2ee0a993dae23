#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "dakkar/text/jinja/parser.h"

namespace dak::jinja {

Expr* Parser::make(ExprKind kind, int32_t line) {
  Expr& node = ast_.expressions.emplace_back();
  node.kind = kind;
  node.line = line;
  return &node;
}

const Expr* Parser::finish(Expr* node) {
  int32_t deepest = 0;
  const auto visit = [&deepest](const Expr* child) {
    if (child != nullptr) {
      deepest = std::max(deepest, child->depth);
    }
  };
  std::for_each(node->children.begin(), node->children.end(), visit);
  for (const KeywordArgument& keyword : node->keywords) {
    visit(keyword.value);
  }
  visit(node->star);
  visit(node->double_star);
  node->depth = deepest + 1;
  if (node->depth > 2 * kMaxDepth) {
    raise_at("expression is nested too deeply", node->line);
    return nullptr;
  }
  return failed_ ? nullptr : node;
}

const Expr* Parser::unary(ExprKind kind, int32_t line, const Expr* operand) {
  if (operand == nullptr) {
    return nullptr;
  }
  Expr* node = make(kind, line);
  node->children = {operand};
  return finish(node);
}

const Expr* Parser::binary(ExprKind kind, int32_t line, const Expr* left, const Expr* right) {
  if (left == nullptr || right == nullptr) {
    return nullptr;
  }
  Expr* node = make(kind, line);
  node->children = {left, right};
  return finish(node);
}

const Expr* Parser::parse_expression(Conditional conditional) {
  if (!enter()) {
    return nullptr;
  }
  const Expr* node = conditional == Conditional::kAllowed ? parse_conditional() : parse_or();
  leave();
  return node;
}

const Expr* Parser::parse_conditional() {
  const int32_t line = current().line;
  const Expr* value = parse_or();
  while (value != nullptr && skip_name("if")) {
    Expr* node = make(ExprKind::kConditional, line);
    const Expr* condition = parse_or();
    const Expr* otherwise = nullptr;
    if (condition != nullptr && skip_name("else")) {
      otherwise = parse_expression();
    }
    node->children = {value, condition, otherwise};
    value = failed_ ? nullptr : finish(node);
  }
  return value;
}

const Expr* Parser::parse_or() {
  const int32_t line = current().line;
  const Expr* left = parse_and();
  while (left != nullptr && skip_name("or")) {
    left = binary(ExprKind::kOr, line, left, parse_and());
  }
  return left;
}

const Expr* Parser::parse_and() {
  const int32_t line = current().line;
  const Expr* left = parse_not();
  while (left != nullptr && skip_name("and")) {
    left = binary(ExprKind::kAnd, line, left, parse_not());
  }
  return left;
}

const Expr* Parser::parse_not() {
  if (!at_name("not")) {
    return parse_compare();
  }
  const int32_t line = next().line;
  if (!enter()) {
    return nullptr;
  }
  const Expr* node = unary(ExprKind::kNot, line, parse_not());
  leave();
  return node;
}

bool Parser::take_compare(CompareOp& op) {
  static constexpr std::array<std::pair<std::string_view, CompareOp>, 6> kSymbols{
      {{"==", CompareOp::kEq},
       {"!=", CompareOp::kNe},
       {"<", CompareOp::kLt},
       {"<=", CompareOp::kLe},
       {">", CompareOp::kGt},
       {">=", CompareOp::kGe}}};
  for (const auto& [symbol, meaning] : kSymbols) {
    if (skip_operator(symbol)) {
      op = meaning;
      return true;
    }
  }
  if (skip_name("in")) {
    op = CompareOp::kIn;
    return true;
  }
  if (at_name("not") && look().kind == TokenKind::kName && look().text == "in") {
    next();
    next();
    op = CompareOp::kNotIn;
    return true;
  }
  return false;
}

const Expr* Parser::parse_compare() {
  const int32_t line = current().line;
  const Expr* first = parse_sum();
  CompareOp op{};
  if (first == nullptr || !take_compare(op)) {
    return first;
  }
  Expr* node = make(ExprKind::kCompare, line);
  node->children = {first};
  do {
    const Expr* operand = parse_sum();
    if (operand == nullptr) {
      return nullptr;
    }
    node->compares.push_back(op);
    node->children.push_back(operand);
  } while (take_compare(op));
  return finish(node);
}

const Expr* Parser::parse_sum() {
  const int32_t line = current().line;
  const Expr* left = parse_concat();
  while (left != nullptr && (at_operator("+") || at_operator("-"))) {
    const BinaryOp op = next().text == "+" ? BinaryOp::kAdd : BinaryOp::kSub;
    left = binary(ExprKind::kBinary, line, left, parse_concat());
    if (left != nullptr) {
      ast_.expressions.back().op = op;
    }
  }
  return left;
}

const Expr* Parser::parse_concat() {
  const int32_t line = current().line;
  const Expr* first = parse_product();
  if (first == nullptr || !at_operator("~")) {
    return first;
  }
  Expr* node = make(ExprKind::kConcat, line);
  node->children = {first};
  while (skip_operator("~")) {
    const Expr* part = parse_product();
    if (part == nullptr) {
      return nullptr;
    }
    node->children.push_back(part);
  }
  return finish(node);
}

const Expr* Parser::parse_product() {
  static constexpr std::array<std::pair<std::string_view, BinaryOp>, 4> kSymbols{
      {{"*", BinaryOp::kMul},
       {"/", BinaryOp::kDiv},
       {"//", BinaryOp::kFloorDiv},
       {"%", BinaryOp::kMod}}};
  const int32_t line = current().line;
  const Expr* left = parse_power();
  while (left != nullptr) {
    const auto found = std::find_if(kSymbols.begin(), kSymbols.end(),
                                    [this](const auto& row) { return at_operator(row.first); });
    if (found == kSymbols.end()) {
      break;
    }
    next();
    left = binary(ExprKind::kBinary, line, left, parse_power());
    if (left != nullptr) {
      ast_.expressions.back().op = found->second;
    }
  }
  return left;
}

const Expr* Parser::parse_power() {
  const int32_t line = current().line;
  const Expr* left = parse_unary();
  while (left != nullptr && skip_operator("**")) {
    left = binary(ExprKind::kBinary, line, left, parse_unary());
    if (left != nullptr) {
      ast_.expressions.back().op = BinaryOp::kPow;
    }
  }
  return left;
}

const Expr* Parser::parse_unary(WithFilter with_filter) {
  const int32_t line = current().line;
  const Expr* node = nullptr;
  if (at_operator("-") || at_operator("+")) {
    const ExprKind kind = next().text == "-" ? ExprKind::kNegate : ExprKind::kPlus;
    if (!enter()) {
      return nullptr;
    }
    node = unary(kind, line, parse_unary(WithFilter::kNo));
    leave();
  } else {
    node = parse_primary();
  }
  node = parse_postfix(node);
  return with_filter == WithFilter::kYes ? parse_filter_expression(node) : node;
}

const Expr* Parser::parse_name() {
  const Token& token = next();
  const std::string& name = token.text;
  const bool is_true = name == "true" || name == "True";
  if (is_true || name == "false" || name == "False") {
    Expr* node = make(ExprKind::kConst, token.line);
    node->constant = Value::boolean_of(is_true);
    return finish(node);
  }
  if (name == "none" || name == "None") {
    Expr* node = make(ExprKind::kConst, token.line);
    node->constant = Value::none();
    return finish(node);
  }
  Expr* node = make(ExprKind::kName, token.line);
  node->name = name;
  return finish(node);
}

const Expr* Parser::parse_primary() {
  const Token& token = current();
  const int32_t line = token.line;
  if (token.kind == TokenKind::kName) {
    return parse_name();
  }
  if (token.kind == TokenKind::kString) {
    std::string text;
    while (current().kind == TokenKind::kString) {
      text += next().text;
    }
    Expr* node = make(ExprKind::kConst, line);
    node->constant = ast_.constants.string(text, Origin::kTemplate);
    node->constant.string().freeze();
    return finish(node);
  }
  if (token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat) {
    Expr* node = make(ExprKind::kConst, line);
    node->constant = token.kind == TokenKind::kInteger ? Value::integer_of(token.integer)
                                                       : Value::real_of(token.real);
    next();
    return finish(node);
  }
  if (skip_operator("(")) {
    const Expr* node = parse_tuple(Conditional::kAllowed, {}, Parentheses::kAround);
    return node != nullptr && expect_operator(")") ? node : nullptr;
  }
  if (at_operator("[")) {
    return parse_list();
  }
  if (at_operator("{")) {
    return parse_dict();
  }
  raise(fmt::format("unexpected '{}'",
                    token.kind == TokenKind::kOperator ? token.text : "end of expression"));
  return nullptr;
}

bool Parser::at_tuple_end(Names end_names) const {
  const TokenKind kind = current().kind;
  return kind == TokenKind::kVariableEnd || kind == TokenKind::kBlockEnd || at_operator(")") ||
         at_any_name(end_names);
}

const Expr* Parser::parse_tuple(Conditional conditional, Names end_names, Parentheses parentheses) {
  const int32_t line = current().line;
  std::vector<const Expr*> parts;
  bool is_tuple = false;
  while (true) {
    if (!parts.empty() && !expect_operator(",")) {
      return nullptr;
    }
    if (at_tuple_end(end_names)) {
      break;
    }
    const Expr* part = parse_expression(conditional);
    if (part == nullptr) {
      return nullptr;
    }
    parts.push_back(part);
    if (!at_operator(",")) {
      break;
    }
    is_tuple = true;
  }
  if (!is_tuple && !parts.empty()) {
    return parts[0];
  }
  if (!is_tuple && parentheses == Parentheses::kNone) {
    raise("expected an expression");
    return nullptr;
  }
  Expr* node = make(ExprKind::kTuple, line);
  node->children = std::move(parts);
  return finish(node);
}

const Expr* Parser::parse_list() {
  Expr* node = make(ExprKind::kList, next().line);
  while (!failed_ && !at_operator("]")) {
    if (!node->children.empty() && !expect_operator(",")) {
      return nullptr;
    }
    if (at_operator("]")) {
      break;
    }
    node->children.push_back(parse_expression());
  }
  return !failed_ && expect_operator("]") ? finish(node) : nullptr;
}

const Expr* Parser::parse_dict() {
  Expr* node = make(ExprKind::kDict, next().line);
  while (!failed_ && !at_operator("}")) {
    if (!node->children.empty() && !expect_operator(",")) {
      return nullptr;
    }
    if (at_operator("}")) {
      break;
    }
    node->children.push_back(parse_expression());
    if (failed_ || !expect_operator(":")) {
      return nullptr;
    }
    node->children.push_back(parse_expression());
  }
  return !failed_ && expect_operator("}") ? finish(node) : nullptr;
}

}  // namespace dak::jinja
