#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/text/jinja/ast.h"
#include "dakkar/text/jinja/lexer.h"

namespace dak::jinja {

/// Builds the tree of a template from its tokens: Jinja2's grammar with the loop controls and
/// Hugging Face's `{% generation %}`. Variables are not bound yet (see scope.h).
///
/// Errors: kInvalidArgument with the line, for bad syntax, for nesting beyond `kMaxDepth`, and for
/// what a chat template has no use for: include, import, from, extends, block, autoescape.
Result<Ast> parse(std::string_view source);

/// Deepest nesting of statements or expressions that is accepted.
inline constexpr int32_t kMaxDepth = 120;

/// The recursive descent itself. After an error every method returns null (or false) at once.
class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}
  Result<Ast> run();

 private:
  using Names = std::initializer_list<std::string_view>;
  enum class Conditional { kAllowed, kForbidden };
  enum class Parentheses { kNone, kAround };
  enum class Attributes { kAllowed, kForbidden };  ///< `ns.name` as a target
  /// Between square brackets: an index, or a whole slice of the object.
  struct SubscriptItem {
    const Expr* expr = nullptr;
    bool is_slice = false;
  };

  // Tokens.
  const Token& current() const { return tokens_[at_]; }
  const Token& look() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next();
  bool at_operator(std::string_view symbol) const;
  bool at_name(std::string_view name) const;
  bool at_any_name(Names names) const;
  bool skip_operator(std::string_view symbol);
  bool skip_name(std::string_view name);
  bool expect_operator(std::string_view symbol);
  bool expect_name(std::string_view name);
  bool expect(TokenKind kind, std::string_view what);
  std::string take_name();
  bool raise(std::string message);
  bool raise_at(std::string message, int32_t line);
  bool enter();
  void leave() { --depth_; }

  // Nodes.
  Expr* make(ExprKind kind, int32_t line);
  const Expr* finish(Expr* node);
  const Expr* unary(ExprKind kind, int32_t line, const Expr* operand);
  const Expr* binary(ExprKind kind, int32_t line, const Expr* left, const Expr* right);
  Stmt* make_statement(StmtKind kind, int32_t line);
  bool finish(Stmt* node);

  // Expressions, from loose to tight.
  const Expr* parse_expression(Conditional conditional = Conditional::kAllowed);
  const Expr* parse_conditional();
  const Expr* parse_or();
  const Expr* parse_and();
  const Expr* parse_not();
  const Expr* parse_compare();
  bool take_compare(CompareOp& op);
  const Expr* parse_sum();
  const Expr* parse_concat();
  const Expr* parse_product();
  const Expr* parse_power();
  enum class WithFilter { kYes, kNo };
  const Expr* parse_unary(WithFilter with_filter = WithFilter::kYes);
  const Expr* parse_primary();
  const Expr* parse_name();
  const Expr* parse_tuple(Conditional conditional, Names end_names,
                          Parentheses parentheses = Parentheses::kNone);
  bool at_tuple_end(Names end_names) const;
  const Expr* parse_list();
  const Expr* parse_dict();
  const Expr* parse_postfix(const Expr* node);
  const Expr* parse_filter_expression(const Expr* node);
  const Expr* parse_dot(const Expr* node);
  const Expr* parse_subscript(const Expr* node);
  SubscriptItem parse_subscript_item(const Expr* node);
  bool parse_arguments(Expr* call);
  bool parse_argument(Expr* call);
  const Expr* parse_call(const Expr* callee);
  const Expr* parse_filter(const Expr* input);
  const Expr* parse_filter_chain(const Expr* input);
  const Expr* parse_test(const Expr* input);

  // Statements.
  bool parse_body(Body& body, Names end_names);
  bool parse_block_body(Body& body, Names end_names);
  bool flush_output(Body& body, Stmt*& output);
  bool parse_statement(Body& body);
  bool parse_set(Body& body);
  bool parse_for(Body& body);
  bool parse_if(Body& body);
  bool parse_with(Body& body);
  bool parse_macro(Body& body);
  bool parse_signature(Stmt* node);
  bool parse_call_block(Body& body);
  bool parse_filter_block(Body& body);
  bool parse_generation(Body& body);
  bool parse_print(Body& body);
  bool parse_loop_control(Body& body);
  bool parse_target(Target& target, Names end_names, Attributes attributes);
  bool parse_single_target(Target& target, Attributes attributes);
  bool close(Body& body, Stmt* node, std::string_view end_name);

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int32_t depth_ = 0;
  int32_t loops_ = 0;  ///< loops around the current statement inside its function
  Ast ast_;
  bool failed_ = false;
  std::string message_;
};

}  // namespace dak::jinja
