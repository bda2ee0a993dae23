#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/parser.h"

namespace dak::jinja {

Stmt* Parser::make_statement(StmtKind kind, int32_t line) {
  Stmt& node = ast_.statements.emplace_back();
  node.kind = kind;
  node.line = line;
  return &node;
}

bool Parser::flush_output(Body& body, Stmt*& output) {
  if (output != nullptr) {
    body.push_back(output);
    output = nullptr;
  }
  return !failed_;
}

// Reads statements up to one of `end_names`, which stays the current token.
bool Parser::parse_body(Body& body, Names end_names) {
  Stmt* output = nullptr;
  const auto add = [&](const Expr* part, int32_t line) {
    if (output == nullptr) {
      output = make_statement(StmtKind::kOutput, line);
    }
    output->exprs.push_back(part);
  };
  while (!failed_ && current().kind != TokenKind::kEnd) {
    const Token& token = current();
    if (token.kind == TokenKind::kData) {
      Expr* data = make(ExprKind::kConst, token.line);
      data->constant = ast_.constants.string(token.text, Origin::kTemplate);
      data->constant.string().freeze();
      add(data, token.line);
      next();
    } else if (token.kind == TokenKind::kVariableBegin) {
      const int32_t line = next().line;
      const Expr* value = parse_tuple(Conditional::kAllowed, {});
      if (value == nullptr || !expect(TokenKind::kVariableEnd, "end of print statement")) {
        return false;
      }
      add(value, line);
    } else {
      flush_output(body, output);
      next();
      if (at_any_name(end_names)) {
        return true;
      }
      if (!parse_statement(body) || !expect(TokenKind::kBlockEnd, "end of statement block")) {
        return false;
      }
    }
  }
  flush_output(body, output);
  if (!failed_ && end_names.size() > 0) {
    return raise(fmt::format("unexpected end of template, expected '{}'", *end_names.begin()));
  }
  return !failed_;
}

// As `parse_body`, starting at the end of the opening tag.
bool Parser::parse_block_body(Body& body, Names end_names) {
  skip_operator(":");
  if (!expect(TokenKind::kBlockEnd, "end of statement block") || !enter()) {
    return false;
  }
  const bool done = parse_body(body, end_names);
  leave();
  return done;
}

bool Parser::close(Body& body, Stmt* node, std::string_view end_name) {
  if (!parse_block_body(node->body, {end_name})) {
    return false;
  }
  next();
  body.push_back(node);
  return true;
}

bool Parser::parse_statement(Body& body) {
  using Handler = bool (Parser::*)(Body&);
  static constexpr std::pair<std::string_view, Handler> kTags[] = {
      {"set", &Parser::parse_set},
      {"for", &Parser::parse_for},
      {"if", &Parser::parse_if},
      {"with", &Parser::parse_with},
      {"macro", &Parser::parse_macro},
      {"call", &Parser::parse_call_block},
      {"filter", &Parser::parse_filter_block},
      {"generation", &Parser::parse_generation},
      {"print", &Parser::parse_print},
      {"break", &Parser::parse_loop_control},
      {"continue", &Parser::parse_loop_control},
  };
  static constexpr std::string_view kRefused[] = {"include", "import", "from",
                                                  "extends", "block",  "autoescape"};
  if (current().kind != TokenKind::kName) {
    return raise("tag name expected");
  }
  for (const auto& [name, handler] : kTags) {
    if (at_name(name)) {
      return (this->*handler)(body);
    }
  }
  for (const std::string_view name : kRefused) {
    if (at_name(name)) {
      return raise(fmt::format("tag '{}' is not supported in a chat template", name));
    }
  }
  return raise(fmt::format("encountered unknown tag '{}'", current().text));
}

bool Parser::parse_set(Body& body) {
  const int32_t line = next().line;
  Target target;
  if (!parse_target(target, {}, Attributes::kAllowed)) {
    return false;
  }
  if (skip_operator("=")) {
    Stmt* node = make_statement(StmtKind::kSet, line);
    node->targets.push_back(std::move(target));
    node->exprs = {parse_tuple(Conditional::kAllowed, {})};
    body.push_back(node);
    return !failed_;
  }
  Stmt* node = make_statement(StmtKind::kSetBlock, line);
  node->targets.push_back(std::move(target));
  node->filter = parse_filter_chain(nullptr);
  return !failed_ && close(body, node, "endset");
}

bool Parser::parse_for(Body& body) {
  Stmt* node = make_statement(StmtKind::kFor, next().line);
  Target target;
  if (!parse_target(target, {"in"}, Attributes::kForbidden) || !expect_name("in")) {
    return false;
  }
  node->targets.push_back(std::move(target));
  node->exprs = {parse_tuple(Conditional::kForbidden, {"recursive"})};
  if (!failed_ && skip_name("if")) {
    node->filter = parse_expression();
  }
  node->recursive = !failed_ && skip_name("recursive");
  ++loops_;
  const bool read = !failed_ && parse_block_body(node->body, {"endfor", "else"});
  --loops_;
  if (!read) {
    return false;
  }
  if (next().text == "else") {
    if (!parse_block_body(node->otherwise, {"endfor"})) {
      return false;
    }
    next();
  }
  body.push_back(node);
  return true;
}

bool Parser::parse_if(Body& body) {
  Stmt* node = make_statement(StmtKind::kIf, current().line);
  while (true) {
    Branch& branch = node->branches.emplace_back();
    branch.line = next().line;
    branch.condition = parse_tuple(Conditional::kForbidden, {});
    if (failed_ || !parse_block_body(branch.body, {"elif", "else", "endif"})) {
      return false;
    }
    if (at_name("elif")) {
      continue;
    }
    if (next().text == "else") {
      Branch& last = node->branches.emplace_back();
      if (!parse_block_body(last.body, {"endif"})) {
        return false;
      }
      next();
    }
    break;
  }
  body.push_back(node);
  return true;
}

bool Parser::parse_with(Body& body) {
  Stmt* node = make_statement(StmtKind::kWith, next().line);
  while (!failed_ && current().kind != TokenKind::kBlockEnd) {
    if (!node->targets.empty() && !expect_operator(",")) {
      return false;
    }
    Target target;
    if (!parse_target(target, {}, Attributes::kForbidden) || !expect_operator("=")) {
      return false;
    }
    node->targets.push_back(std::move(target));
    node->exprs.push_back(parse_expression());
  }
  return !failed_ && close(body, node, "endwith");
}

bool Parser::parse_signature(Stmt* node) {
  if (!expect_operator("(")) {
    return false;
  }
  bool any_default = false;
  while (!at_operator(")")) {
    if (!node->parameters.empty() && !expect_operator(",")) {
      return false;
    }
    Parameter parameter;
    parameter.name = take_name();
    if (!failed_ && skip_operator("=")) {
      parameter.fallback = parse_expression();
      any_default = true;
    } else if (any_default) {
      return raise("non-default argument follows default argument");
    }
    if (failed_) {
      return false;
    }
    node->parameters.push_back(std::move(parameter));
  }
  return expect_operator(")");
}

bool Parser::parse_macro(Body& body) {
  Stmt* node = make_statement(StmtKind::kMacro, next().line);
  node->name = take_name();
  if (failed_ || !parse_signature(node)) {
    return false;
  }
  const int32_t outer = std::exchange(loops_, 0);
  const bool closed = close(body, node, "endmacro");
  loops_ = outer;
  return closed;
}

bool Parser::parse_call_block(Body& body) {
  Stmt* node = make_statement(StmtKind::kCallBlock, next().line);
  if (at_operator("(") && !parse_signature(node)) {
    return false;
  }
  const Expr* call = parse_expression();
  if (call == nullptr) {
    return false;
  }
  if (call->kind != ExprKind::kCall) {
    return raise_at("expected call", node->line);
  }
  node->exprs = {call};
  const int32_t outer = std::exchange(loops_, 0);
  const bool closed = close(body, node, "endcall");
  loops_ = outer;
  return closed;
}

bool Parser::parse_filter_block(Body& body) {
  Stmt* node = make_statement(StmtKind::kFilterBlock, next().line);
  const Expr* first = parse_filter(nullptr);
  node->filter = first == nullptr ? nullptr : parse_filter_chain(first);
  return !failed_ && close(body, node, "endfilter");
}

bool Parser::parse_generation(Body& body) {
  Stmt* node = make_statement(StmtKind::kGeneration, next().line);
  const int32_t outer = std::exchange(loops_, 0);
  const bool closed = close(body, node, "endgeneration");
  loops_ = outer;
  return closed;
}

bool Parser::parse_print(Body& body) {
  Stmt* node = make_statement(StmtKind::kOutput, next().line);
  while (!failed_ && current().kind != TokenKind::kBlockEnd) {
    if (!node->exprs.empty() && !expect_operator(",")) {
      return false;
    }
    node->exprs.push_back(parse_expression());
  }
  body.push_back(node);
  return !failed_;
}

bool Parser::parse_loop_control(Body& body) {
  const bool is_break = at_name("break");
  if (loops_ == 0) {
    return raise(fmt::format("'{}' outside of a loop", current().text));
  }
  body.push_back(make_statement(is_break ? StmtKind::kBreak : StmtKind::kContinue, next().line));
  return true;
}

}  // namespace dak::jinja
