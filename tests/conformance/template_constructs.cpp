#include "template_constructs.h"

namespace dak {
namespace {

using jinja::ExprKind;
using jinja::StmtKind;

// What each template uses, from its tree.
class ConstructCounter {
 public:
  static ConstructCounts count(const jinja::Ast& ast, const std::string& source) {
    ConstructCounter counter;
    for (const jinja::Expr& node : ast.expressions) {
      counter.expression(node);
    }
    for (const jinja::Stmt& node : ast.statements) {
      counter.statement(node);
    }
    counter.text(source);
    return counter.counts_;
  }

 private:
  void hit(const std::string& name) { ++counts_[name]; }

  void call(const jinja::Expr& node) {
    const jinja::Expr& callee = *node.children[0];
    if (callee.kind == ExprKind::kName) {
      hit("function " + callee.name);
    } else if (callee.kind == ExprKind::kAttribute) {
      hit("method " + callee.name);
      const jinja::Expr& owner = *callee.children[0];
      if (owner.kind == ExprKind::kName && owner.name == "loop") {
        hit("loop." + callee.name);
      }
    }
  }

  void literal(const jinja::Value& value) {
    if (value.is(jinja::Kind::kBool)) {
      hit("true and false");
    } else if (value.is(jinja::Kind::kNone)) {
      hit("none");
    }
  }

  void filter(const jinja::Expr& node) {
    hit("filter " + node.name);
    for (const auto& keyword : node.keywords) {
      hit("filter " + node.name + "(" + keyword.name + "=)");
    }
    if (node.name == "default" && node.children.size() == 3) {
      hit("default(value, true)");
    }
  }

  void subscript(const jinja::Expr& node) {
    const jinja::Expr& object = *node.children[0];
    const bool negative = node.children[1]->kind == ExprKind::kNegate;
    hit(negative ? "negative index" : "subscript");
    const bool splits = object.kind == ExprKind::kCall && object.children[0]->name == "split";
    if (negative && splits) {
      hit(".split()[-1]");
    }
  }

  void compares(const jinja::Expr& node) {
    for (const jinja::CompareOp op : node.compares) {
      const bool negated = op == jinja::CompareOp::kNotIn;
      hit(op == jinja::CompareOp::kIn ? "in" : (negated ? "not in" : "comparison"));
    }
  }

  void expression(const jinja::Expr& node) {
    switch (node.kind) {
      case ExprKind::kFilter:
        return filter(node);
      case ExprKind::kTest:
        return hit("test " + node.name);
      case ExprKind::kNot:
        return hit(node.children[0]->kind == ExprKind::kTest ? "is not" : "not");
      case ExprKind::kCall:
        return call(node);
      case ExprKind::kAttribute:
        if (node.children[0]->kind == ExprKind::kName && node.children[0]->name == "loop") {
          hit("loop." + node.name);
        }
        return;
      case ExprKind::kSubscript:
        return subscript(node);
      case ExprKind::kSlice:
        return hit(node.children[3] != nullptr ? "slice with step" : "slice");
      case ExprKind::kConcat:
        return hit("~");
      case ExprKind::kConditional:
        return hit(node.children[2] != nullptr ? "inline if" : "inline if without else");
      case ExprKind::kBinary:
        return binary(node);
      case ExprKind::kCompare:
        return compares(node);
      case ExprKind::kConst:
        return literal(node.constant);
      case ExprKind::kName:
        return hit("variable " + node.name);
      case ExprKind::kTuple:
      case ExprKind::kList:
      case ExprKind::kDict:
      case ExprKind::kNegate:
      case ExprKind::kPlus:
      case ExprKind::kAnd:
      case ExprKind::kOr:
        return;
    }
  }

  void binary(const jinja::Expr& node) {
    const jinja::Expr& left = *node.children[0];
    if (node.op == jinja::BinaryOp::kAdd) {
      hit(left.kind == ExprKind::kList ? "list + list" : "+");
    }
    if (node.op == jinja::BinaryOp::kMul && left.constant.is_string()) {
      hit("string * int");
    }
  }

  void statement(const jinja::Stmt& node) {
    switch (node.kind) {
      case StmtKind::kFor:
        hit("for");
        hit(node.filter != nullptr ? "for with if" : "for without if");
        hit(node.otherwise.empty() ? "for without else" : "for with else");
        hit(node.recursive ? "for recursive" : "for plain");
        return;
      case StmtKind::kIf:
        hit("if");
        for (size_t i = 1; i < node.branches.size(); ++i) {
          hit(node.branches[i].condition != nullptr ? "elif" : "else");
        }
        return;
      case StmtKind::kSet:
        hit(node.targets[0].kind == jinja::TargetKind::kNamespaceAttribute ? "set on a namespace"
                                                                           : "set");
        return;
      case StmtKind::kMacro:
        hit("macro");
        for (const jinja::Parameter& parameter : node.parameters) {
          hit(parameter.fallback != nullptr ? "macro default" : "macro argument");
        }
        return;
      case StmtKind::kSetBlock:
        hit("block set");
        return;
      case StmtKind::kCallBlock:
        hit("call block");
        return;
      case StmtKind::kFilterBlock:
        hit("filter block");
        return;
      case StmtKind::kWith:
        hit("with");
        return;
      case StmtKind::kBreak:
        hit("break");
        return;
      case StmtKind::kContinue:
        hit("continue");
        return;
      case StmtKind::kGeneration:
        hit("generation");
        return;
      case StmtKind::kOutput:
        return;
    }
  }

  void text(const std::string& source) {
    const std::map<std::string, std::string> marks{{"comment", "{#"},
                                                   {"raw", "{%- raw"},
                                                   {"- sign", "-%}"},
                                                   {"+ sign", "+%}"},
                                                   {"string escapes", "\\n"},
                                                   {"trim_blocks", "%}\n"},
                                                   {"lstrip_blocks", "\n    {%"},
                                                   {"trailing newline", "\n"}};
    for (const auto& [name, mark] : marks) {
      if (source.find(mark) != std::string::npos) {
        hit(name);
      }
    }
  }

  ConstructCounts counts_;
};

}  // namespace

ConstructCounts count_constructs(const jinja::Ast& ast, const std::string& source) {
  return ConstructCounter::count(ast, source);
}

}  // namespace dak
