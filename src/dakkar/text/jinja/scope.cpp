#include "dakkar/text/jinja/scope.h"

#include <string>
#include <vector>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/name_walk.h"
#include "dakkar/text/jinja/symbols.h"

namespace dak::jinja {
namespace {

// Collects the names of one scope without entering inner ones.
class ScopeReader {
 public:
  static void expr(Symbols& symbols, const Expr* node) {
    if (node == nullptr) {
      return;
    }
    if (node->kind == ExprKind::kName) {
      symbols.load(node->name);
    }
    for (const Expr* child : node->children) {
      expr(symbols, child);
    }
    for (const KeywordArgument& keyword : node->keywords) {
      expr(symbols, keyword.value);
    }
    expr(symbols, node->star);
    expr(symbols, node->double_star);
  }

  static void target(Symbols& symbols, const Target& node) {
    if (node.kind == TargetKind::kName) {
      symbols.store(node.name);
    } else if (node.kind == TargetKind::kNamespaceAttribute) {
      symbols.load(node.name);
    }
    for (const Target& part : node.parts) {
      target(symbols, part);
    }
  }

  static void parameter_target(Symbols& symbols, const Target& node) {
    if (node.kind == TargetKind::kName) {
      symbols.declare_parameter(node.name);
    }
    for (const Target& part : node.parts) {
      parameter_target(symbols, part);
    }
  }

  static void body(Symbols& symbols, const Body& statements) {
    for (const Stmt* statement : statements) {
      read(symbols, *statement);
    }
  }

 private:
  static void read(Symbols& symbols, const Stmt& node) {
    switch (node.kind) {
      case StmtKind::kOutput:
      case StmtKind::kFor:
      case StmtKind::kCallBlock:
      case StmtKind::kWith:
      case StmtKind::kSet:
        for (const Expr* one : node.exprs) {
          expr(symbols, one);
        }
        if (node.kind == StmtKind::kSet) {
          target(symbols, node.targets[0]);
        }
        return;
      case StmtKind::kSetBlock:
        target(symbols, node.targets[0]);
        return;
      case StmtKind::kMacro:
        symbols.store(node.name);
        return;
      case StmtKind::kFilterBlock:
        expr(symbols, node.filter);
        return;
      case StmtKind::kIf:
        branches(symbols, node);
        return;
      case StmtKind::kBreak:
      case StmtKind::kContinue:
      case StmtKind::kGeneration:
        return;
    }
  }

  // The branches after the first are one: a chain of `elif`, then the `else`.
  static void branches(Symbols& symbols, const Stmt& node) {
    expr(symbols, node.branches[0].condition);
    std::vector<Symbols> copies(3, symbols);
    body(copies[0], node.branches[0].body);
    for (size_t i = 1; i < node.branches.size(); ++i) {
      const Branch& branch = node.branches[i];
      if (branch.condition == nullptr) {
        body(copies[2], branch.body);
        continue;
      }
      expr(copies[1], branch.condition);
      std::vector<Symbols> inner(1, copies[1]);
      body(inner[0], branch.body);
      copies[1].merge_branches(inner);
    }
    symbols.merge_branches(copies);
  }
};

struct Frame {
  Symbols symbols;
  FunctionContext* function;
  bool soft = false;  ///< inside of an `if`, where unknown filters are reported when reached
};

class Binder {
 public:
  explicit Binder(Ast& ast) : ast_(ast) {}

  Status run() {
    FunctionContext function{.layout = &ast_.function, .depth = 0};
    Frame frame{.symbols = Symbols(table_, function, nullptr), .function = &function};
    ScopeReader::body(frame.symbols, ast_.body);
    body(ast_.body, frame);
    ast_.scope = frame.symbols.layout(function);
    ast_.free_names = table_.free_names;
    const auto names = static_cast<int64_t>(table_.idents.size());
    if (message_.empty() && names > kMaxNames) {
      message_ = fmt::format("template has more than {} variables", kMaxNames);
    }
    if (!message_.empty()) {
      return fail(ErrorCode::kInvalidArgument, message_);
    }
    return {};
  }

 private:
  // The tree is ours to complete; only its readers see it as constant.
  static Expr& own(const Expr* node) { return *const_cast<Expr*>(node); }
  static Stmt& own(const Stmt* node) { return *const_cast<Stmt*>(node); }

  void raise(const std::string& message, int32_t line) {
    if (message_.empty()) {
      message_ = fmt::format("line {}: {}", line, message);
    }
  }

  Frame inner(const Frame& outer, FunctionContext& function) {
    if (static_cast<int64_t>(table_.idents.size()) > kMaxNames && message_.empty()) {
      message_ = fmt::format("template has more than {} variables", kMaxNames);
    }
    return {.symbols = Symbols(table_, function, &outer.symbols), .function = &function};
  }

  static SlotRef slot(Frame& frame, const std::string& name) {
    frame.symbols.load(name);  // only adds names in places that Jinja itself forgets to look at
    return frame.symbols.slot_of(frame.symbols.find(name), *frame.function);
  }

  void expr(const Expr* node, Frame& frame) {
    if (node == nullptr) {
      return;
    }
    Expr& mine = own(node);
    const bool was_soft = frame.soft;
    frame.soft = was_soft || node->kind == ExprKind::kConditional;
    if (node->kind == ExprKind::kName) {
      mine.slot = slot(frame, node->name);
    } else if (node->kind == ExprKind::kFilter) {
      mine.filter = find_filter(node->name);
      if (mine.filter == nullptr && !frame.soft) {
        raise(fmt::format("no filter named '{}'", node->name), node->line);
      }
    } else if (node->kind == ExprKind::kTest) {
      mine.test = find_test(node->name);
      if (mine.test == nullptr && !frame.soft) {
        raise(fmt::format("no test named '{}'", node->name), node->line);
      }
    }
    for (const Expr* child : node->children) {
      expr(child, frame);
    }
    for (const KeywordArgument& keyword : node->keywords) {
      expr(keyword.value, frame);
    }
    expr(node->star, frame);
    expr(node->double_star, frame);
    frame.soft = was_soft;
  }

  void target(Target& node, Frame& frame) {
    if (node.kind != TargetKind::kTuple) {
      if (node.name == "loop" && loops_ > 0 && node.kind == TargetKind::kName) {
        raise("can't assign to special loop variable in for-loop target", node.line);
      }
      node.slot = slot(frame, node.name);
    }
    for (Target& part : node.parts) {
      target(part, frame);
    }
  }

  void body(const Body& statements, Frame& frame) {
    for (const Stmt* statement : statements) {
      if (!message_.empty()) {
        return;
      }
      visit(own(statement), frame);
    }
  }

  void exprs(Stmt& node, Frame& frame) {
    for (const Expr* one : node.exprs) {
      expr(one, frame);
    }
  }

  void visit(Stmt& node, Frame& frame) {
    switch (node.kind) {
      case StmtKind::kOutput:
        exprs(node, frame);
        return;
      case StmtKind::kSet:
        exprs(node, frame);
        target(node.targets[0], frame);
        return;
      case StmtKind::kIf:
        visit_if(node, frame);
        return;
      case StmtKind::kFor:
        visit_for(node, frame);
        return;
      case StmtKind::kMacro:
        function_body(node, frame);
        node.slot = slot(frame, node.name);
        return;
      case StmtKind::kCallBlock:
      case StmtKind::kGeneration:
        function_body(node, frame);
        exprs(node, frame);
        return;
      case StmtKind::kSetBlock:
      case StmtKind::kFilterBlock:
        visit_captured(node, frame);
        return;
      case StmtKind::kWith:
        visit_with(node, frame);
        return;
      case StmtKind::kBreak:
      case StmtKind::kContinue:
        return;
    }
  }

  void visit_if(Stmt& node, Frame& frame) {
    const bool was_soft = std::exchange(frame.soft, true);
    for (Branch& branch : node.branches) {
      expr(branch.condition, frame);
      body(branch.body, frame);
    }
    frame.soft = was_soft;
  }

  void visit_captured(Stmt& node, Frame& frame) {
    Frame inside = inner(frame, *frame.function);
    ScopeReader::body(inside.symbols, node.body);
    if (node.kind == StmtKind::kFilterBlock) {
      ScopeReader::expr(inside.symbols, node.filter);
    }
    body(node.body, inside);
    expr(node.filter, inside);
    node.scope = inside.symbols.layout(*frame.function);
    if (node.kind == StmtKind::kSetBlock) {
      target(node.targets[0], frame);
    }
  }

  void visit_with(Stmt& node, Frame& frame) {
    Frame inside = inner(frame, *frame.function);
    for (const Target& one : node.targets) {
      ScopeReader::parameter_target(inside.symbols, one);
    }
    ScopeReader::body(inside.symbols, node.body);
    exprs(node, frame);
    for (Target& one : node.targets) {
      target(one, inside);
    }
    body(node.body, inside);
    node.scope = inside.symbols.layout(*frame.function);
  }

  void visit_for(Stmt& node, Frame& frame) {
    exprs(node, frame);
    FunctionContext own_function{.layout = &node.function, .depth = frame.function->depth + 1};
    FunctionContext& function = node.recursive ? own_function : *frame.function;
    ++loops_;
    Frame inside = inner(frame, function);
    if (node.recursive || reads_undeclared(node.body, "loop")) {
      inside.symbols.declare_parameter("loop");
      const int32_t ident = inside.symbols.find("loop");
      node.loop_slot = inside.symbols.slot_of(ident, function).index;
    }
    ScopeReader::parameter_target(inside.symbols, node.targets[0]);
    ScopeReader::body(inside.symbols, node.body);
    if (node.filter != nullptr) {
      Frame test = inner(frame, function);
      ScopeReader::parameter_target(test.symbols, node.targets[0]);
      ScopeReader::expr(test.symbols, node.filter);
      node.test_targets = node.targets;
      target(node.test_targets[0], test);
      expr(node.filter, test);
      node.test_scope = test.symbols.layout(function);
    }
    target(node.targets[0], inside);
    body(node.body, inside);
    node.scope = inside.symbols.layout(function);
    Frame otherwise = inner(frame, function);
    ScopeReader::body(otherwise.symbols, node.otherwise);
    body(node.otherwise, otherwise);
    node.else_scope = otherwise.symbols.layout(function);
    --loops_;
  }

  int32_t implicit(Frame& frame, const Stmt& node, const std::string& name) {
    for (const Parameter& parameter : node.parameters) {
      if (parameter.name == name) {
        return -1;
      }
    }
    if (!reads_undeclared(node.body, name)) {
      return -1;
    }
    frame.symbols.declare_parameter(name);
    return frame.symbols.slot_of(frame.symbols.find(name), *frame.function).index;
  }

  void function_body(Stmt& node, const Frame& outer) {
    FunctionContext function{.layout = &node.function, .depth = outer.function->depth + 1};
    const int32_t outer_loops = loops_;
    Frame frame = inner(outer, function);
    read_function(node, frame);
    for (const Parameter& parameter : node.parameters) {
      node.explicit_caller = node.explicit_caller || parameter.name == "caller";
      const bool bare_caller = parameter.name == "caller" && parameter.fallback == nullptr;
      if (bare_caller && reads_undeclared(node.body, "caller")) {
        raise("the parameter 'caller' of a macro must have a default", node.line);
      }
    }
    node.caller_slot = implicit(frame, node, "caller");
    node.kwargs_slot = implicit(frame, node, "kwargs");
    node.varargs_slot = implicit(frame, node, "varargs");
    for (Parameter& parameter : node.parameters) {
      const int32_t ident = frame.symbols.find(parameter.name);
      parameter.slot = frame.symbols.slot_of(ident, function).index;
      expr(parameter.fallback, frame);
    }
    body(node.body, frame);
    node.scope = frame.symbols.layout(function);
    loops_ = outer_loops;
  }

  static void read_function(Stmt& node, Frame& frame) {
    for (const Parameter& parameter : node.parameters) {
      frame.symbols.declare_parameter(parameter.name);
    }
    for (const Parameter& parameter : node.parameters) {
      ScopeReader::expr(frame.symbols, parameter.fallback);
    }
    ScopeReader::body(frame.symbols, node.body);
  }

  Ast& ast_;
  SymbolTable table_;
  int32_t loops_ = 0;
  std::string message_;
};

}  // namespace

Status bind(Ast& ast) {
  return Binder(ast).run();
}

}  // namespace dak::jinja
