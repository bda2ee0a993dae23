#include <fmt/core.h>

#include "dakkar/text/jinja/evaluator.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"

namespace dak::jinja {

void Evaluator::run() {
  if (enter_function(ast_.function, nullptr) == nullptr) {
    return;
  }
  enter(ast_.scope);
  execute(ast_.body);
}

Evaluator::Flow Evaluator::execute(const Body& body) {
  for (const Stmt* statement : body) {
    const Flow flow = execute(*statement);
    if (flow != Flow::kNext || rt_.failed()) {
      return rt_.failed() ? Flow::kBreak : flow;
    }
  }
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute(const Stmt& node) {
  const Nested nested(*this);
  if (!nested.ok || !rt_.spend(1)) {
    return Flow::kBreak;
  }
  rt_.set_line(node.line);
  switch (node.kind) {
    case StmtKind::kOutput:
      execute_output(node);
      return Flow::kNext;
    case StmtKind::kIf:
      return execute_if(node);
    case StmtKind::kFor:
      return execute_for(node);
    case StmtKind::kSet:
      execute_set(node);
      return Flow::kNext;
    case StmtKind::kSetBlock:
      return execute_set_block(node);
    case StmtKind::kMacro:
      execute_macro(node);
      return Flow::kNext;
    case StmtKind::kCallBlock:
      execute_call_block(node);
      return Flow::kNext;
    case StmtKind::kFilterBlock:
      return execute_filter_block(node);
    case StmtKind::kWith:
      return execute_with(node);
    case StmtKind::kGeneration:
      execute_generation(node);
      return Flow::kNext;
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

void Evaluator::execute_output(const Stmt& node) {
  for (const Expr* part : node.exprs) {
    if (part->kind != ExprKind::kConst) {
      rt_.set_line(part->line);
    }
    const Value value = evaluate(*part);
    if (value.is_failed()) {
      return;
    }
    if (value.is_string()) {
      rt_.write(value.text());
      continue;
    }
    const MarkedText text = str_of(rt_, value);
    if (!rt_.failed()) {
      rt_.write(text);
    }
  }
}

Evaluator::Flow Evaluator::execute_if(const Stmt& node) {
  for (const Branch& branch : node.branches) {
    if (branch.condition != nullptr) {
      rt_.set_line(branch.line);
      const Value condition = evaluate(*branch.condition);
      if (condition.is_failed()) {
        return Flow::kBreak;
      }
      if (!truthy(condition)) {
        continue;
      }
    }
    return execute(branch.body);
  }
  return Flow::kNext;
}

bool Evaluator::check_namespaces(const Target& target) {
  if (target.kind == TargetKind::kNamespaceAttribute && !slot(target.slot).is(Kind::kNamespace)) {
    rt_.raise("cannot assign attribute on non-namespace object");
    return false;
  }
  for (const Target& part : target.parts) {
    if (!check_namespaces(part)) {
      return false;
    }
  }
  return true;
}

void Evaluator::assign(const Target& target, const Value& value) {
  if (target.kind == TargetKind::kName) {
    slot(target.slot) = value;
    return;
  }
  if (target.kind == TargetKind::kNamespaceAttribute) {
    if (target.attribute[0] == '_') {
      rt_.raise(
          fmt::format("chat templates cannot store underscore-prefixed attributes on a "
                      "namespace, but got '{}'",
                      target.attribute));
      return;
    }
    auto& names = mutable_object<DictObject>(slot(target.slot));
    rt_.heap().charge(32);
    names.set(rt_.text(target.attribute, Origin::kTemplate), value);
    return;
  }
  const std::vector<Value> values = collect(rt_, value);
  if (rt_.failed()) {
    return;
  }
  if (values.size() != target.parts.size()) {
    rt_.raise(
        fmt::format("cannot unpack {} values into {} names", values.size(), target.parts.size()));
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    assign(target.parts[i], values[i]);
  }
}

void Evaluator::execute_set(const Stmt& node) {
  if (!check_namespaces(node.targets[0])) {
    return;
  }
  const Value value = evaluate(*node.exprs[0]);
  if (!value.is_failed()) {
    assign(node.targets[0], value);
  }
}

Evaluator::Flow Evaluator::execute_set_block(const Stmt& node) {
  enter(node.scope);
  rt_.open_buffer();
  const Flow flow = execute(node.body);
  const Value text = rt_.text(rt_.close_buffer());
  if (flow != Flow::kNext || text.is_failed()) {
    return flow;
  }
  const Value value = node.filter == nullptr ? text : evaluate_filter(*node.filter, &text);
  if (!value.is_failed() && check_namespaces(node.targets[0])) {
    assign(node.targets[0], value);
  }
  return Flow::kNext;
}

// What a filter or call block gives must be text already.
void Evaluator::write_text(const Value& value) {
  if (value.is_string()) {
    rt_.write(value.text());
  } else if (!value.is_failed()) {
    rt_.raise(fmt::format("expected str instance, {} found", type_name(value)));
  }
}

Evaluator::Flow Evaluator::execute_filter_block(const Stmt& node) {
  enter(node.scope);
  rt_.open_buffer();
  const Flow flow = execute(node.body);
  const Value text = rt_.text(rt_.close_buffer());
  if (flow != Flow::kNext || text.is_failed()) {
    return flow;
  }
  const Value value = evaluate_filter(*node.filter, &text);
  write_text(value);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::execute_with(const Stmt& node) {
  enter(node.scope);
  for (size_t i = 0; i < node.targets.size(); ++i) {
    const Value value = evaluate(*node.exprs[i]);
    if (value.is_failed()) {
      return Flow::kBreak;
    }
    assign(node.targets[i], value);
  }
  return execute(node.body);
}

void Evaluator::execute_macro(const Stmt& node) {
  const Value macro = make_macro(node);
  if (!macro.is_failed()) {
    slot(node.slot) = macro;
  }
}

void Evaluator::execute_call_block(const Stmt& node) {
  const Value caller = make_macro(node);
  if (caller.is_failed()) {
    return;
  }
  write_text(evaluate_call(*node.exprs[0], &caller));
}

void Evaluator::execute_generation(const Stmt& node) {
  const Value body = make_macro(node);
  const Value text = body.is_failed() ? body : call(body, {});
  if (!text.is_failed()) {
    rt_.write(text.text());
  }
}

}  // namespace dak::jinja
