#pragma once

#include <string_view>
#include <vector>

#include "dakkar/text/jinja/ast.h"
#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {

/// Runs a bound template once. Output and the first error end up in the runtime.
class Evaluator {
 public:
  /// `context` holds a value (or missing) for each of the template's free names.
  Evaluator(const Ast& ast, Runtime& rt, std::vector<Value> context)
      : ast_(ast), rt_(rt), context_(std::move(context)) {}

  void run();

 private:
  /// How a statement ended; after an error everything ends as `kBreak`.
  enum class Flow : uint8_t { kNext, kBreak, kContinue };
  class FilteredItems;
  class PlainItems;
  struct Nested;

  // Statements.
  Flow execute(const Body& body);
  Flow execute(const Stmt& node);
  Flow execute_if(const Stmt& node);
  Flow execute_for(const Stmt& node);
  Flow execute_with(const Stmt& node);
  Flow execute_set_block(const Stmt& node);
  Flow execute_filter_block(const Stmt& node);
  void execute_output(const Stmt& node);
  void write_text(const Value& value);
  void execute_set(const Stmt& node);
  void execute_macro(const Stmt& node);
  void execute_call_block(const Stmt& node);
  void execute_generation(const Stmt& node);
  Flow run_loop(const Stmt& node, const Value& items, int64_t depth0);
  Flow run_items(const Stmt& node, LoopSource& source, LoopObject* loop);
  Value loop_again(const LoopObject& loop, const Arguments& args);
  void assign(const Target& target, const Value& value);
  bool check_namespaces(const Target& target);
  Value rebuilt(const Target& target);

  // Expressions.
  Value evaluate(const Expr& node);
  Value evaluate_inner(const Expr& node);
  Value evaluate_name(const Expr& node);
  Value evaluate_sequence(const Expr& node);
  Value evaluate_dict(const Expr& node);
  Value evaluate_concat(const Expr& node);
  Value evaluate_compare(const Expr& node);
  Value evaluate_conditional(const Expr& node);
  Value evaluate_slice(const Expr& node);
  Value evaluate_call(const Expr& node, const Value* caller);
  Value evaluate_filter(const Expr& node, const Value* block);
  Value evaluate_test(const Expr& node);
  bool evaluate_arguments(const Expr& node, Arguments& args);
  bool spread(const Expr& node, Arguments& args);
  void spend_on(const Value& value);

  // Calls.
  Value call(const Value& callee, const Arguments& args);
  Value call_macro(const MacroObject& macro, const Arguments& args);
  void bind_parameters(const Stmt& node, const Arguments& args);
  Value make_macro(const Stmt& node);
  Activation* enter_function(const FunctionLayout& layout, Activation* outer);
  void leave_function(Activation* activation, Activation* back);
  void capture(Activation* activation);

  // Slots.
  Value& slot(const SlotRef& ref);
  void enter(const ScopeLayout& scope);

  const Ast& ast_;
  Runtime& rt_;
  std::vector<Value> context_;
  Activation* current_ = nullptr;
  std::vector<Activation*> free_;
  int64_t calls_ = 0;
  int64_t nesting_ = 0;
};

/// Counts nested evaluation so that hostile templates meet an error and not the end of the stack.
struct Evaluator::Nested {
  explicit Nested(Evaluator& evaluator);
  ~Nested() { --owner.nesting_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  Evaluator& owner;
  bool ok = true;
};

}  // namespace dak::jinja
