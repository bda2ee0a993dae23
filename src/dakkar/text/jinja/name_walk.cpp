#include "dakkar/text/jinja/name_walk.h"

namespace dak::jinja {
namespace {

enum class Answer { kOpen, kRead, kDeclared };

class Walk {
 public:
  explicit Walk(std::string_view name) : name_(name) {}

  Answer answer() const { return answer_; }

  void body(const Body& statements) {
    for (const Stmt* statement : statements) {
      if (answer_ != Answer::kOpen) {
        return;
      }
      walk(*statement);
    }
  }

 private:
  void meet(std::string_view name, Answer meaning) {
    if (answer_ == Answer::kOpen && name == name_) {
      answer_ = meaning;
    }
  }

  void expr(const Expr* node) {
    if (node == nullptr || answer_ != Answer::kOpen) {
      return;
    }
    if (node->kind == ExprKind::kName) {
      meet(node->name, Answer::kRead);
    }
    for (const Expr* child : node->children) {
      expr(child);
    }
    for (const KeywordArgument& keyword : node->keywords) {
      expr(keyword.value);
    }
    expr(node->star);
    expr(node->double_star);
  }

  void target(const Target& node) {
    if (node.kind == TargetKind::kName) {
      meet(node.name, Answer::kDeclared);
    }
    for (const Target& part : node.parts) {
      target(part);
    }
  }

  void targets(const Stmt& node) {
    for (const Target& one : node.targets) {
      target(one);
    }
  }

  void exprs(const Stmt& node) {
    for (const Expr* one : node.exprs) {
      expr(one);
    }
  }

  void parameters(const Stmt& node) {
    for (const Parameter& parameter : node.parameters) {
      meet(parameter.name, Answer::kDeclared);
    }
    for (const Parameter& parameter : node.parameters) {
      expr(parameter.fallback);
    }
  }

  void walk(const Stmt& node) {
    targets(node);
    if (node.kind == StmtKind::kSetBlock) {
      expr(node.filter);
    }
    exprs(node);
    parameters(node);
    for (const Branch& branch : node.branches) {
      expr(branch.condition);
      body(branch.body);
    }
    body(node.body);
    body(node.otherwise);
    if (node.kind != StmtKind::kSetBlock) {
      expr(node.filter);
    }
  }

  std::string_view name_;
  Answer answer_ = Answer::kOpen;
};

}  // namespace

bool reads_undeclared(const Body& body, std::string_view name) {
  Walk walk(name);
  walk.body(body);
  return walk.answer() == Answer::kRead;
}

}  // namespace dak::jinja
