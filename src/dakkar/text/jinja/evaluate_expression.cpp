#include <fmt/core.h>

#include "dakkar/text/jinja/attributes.h"
#include "dakkar/text/jinja/evaluator.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"

namespace dak::jinja {
namespace {

constexpr int64_t kMaxNesting = 2500;

}  // namespace

Evaluator::Nested::Nested(Evaluator& evaluator) : owner(evaluator) {
  if (++owner.nesting_ > kMaxNesting) {
    owner.rt_.raise("template recursion is too deep");
    ok = false;
  }
}

Value& Evaluator::slot(const SlotRef& ref) {
  Activation* activation = current_;
  for (int32_t i = 0; i < ref.hops; ++i) {
    activation = activation->outer;
  }
  return activation->slots[static_cast<size_t>(ref.index)];
}

void Evaluator::enter(const ScopeLayout& scope) {
  for (const SlotLoad& load : scope.loads) {
    Value& target = current_->slots[static_cast<size_t>(load.slot)];
    switch (load.action) {
      case LoadAction::kParameter:
        break;
      case LoadAction::kResolve:
        target = context_[static_cast<size_t>(load.context)];
        break;
      case LoadAction::kAlias:
        target = slot(load.from);
        break;
      case LoadAction::kUndefined:
        target = Value{};
        break;
    }
  }
}

Value Evaluator::evaluate(const Expr& node) {
  if (node.kind == ExprKind::kConst) {
    return node.constant;
  }
  const Nested nested(*this);
  if (!nested.ok || rt_.failed() || !rt_.spend(1)) {
    return Value::failed();
  }
  return evaluate_inner(node);
}

Value Evaluator::evaluate_inner(const Expr& node) {
  switch (node.kind) {
    case ExprKind::kConst:
      return node.constant;
    case ExprKind::kName:
      return evaluate_name(node);
    case ExprKind::kTuple:
    case ExprKind::kList:
      return evaluate_sequence(node);
    case ExprKind::kDict:
      return evaluate_dict(node);
    case ExprKind::kNot: {
      const Value value = evaluate(*node.children[0]);
      return value.is_failed() ? value : Value::boolean_of(!truthy(value));
    }
    case ExprKind::kNegate:
    case ExprKind::kPlus: {
      const Value value = evaluate(*node.children[0]);
      if (value.is_failed()) {
        return value;
      }
      return node.kind == ExprKind::kNegate ? negate(rt_, value) : plus(rt_, value);
    }
    case ExprKind::kAnd:
    case ExprKind::kOr: {
      const Value left = evaluate(*node.children[0]);
      const bool decides = truthy(left) == (node.kind == ExprKind::kOr);
      return left.is_failed() || decides ? left : evaluate(*node.children[1]);
    }
    case ExprKind::kBinary: {
      const Value left = evaluate(*node.children[0]);
      const Value right = left.is_failed() ? left : evaluate(*node.children[1]);
      return right.is_failed() ? right : binary_operator(rt_, node.op, left, right);
    }
    case ExprKind::kConcat:
      return evaluate_concat(node);
    case ExprKind::kCompare:
      return evaluate_compare(node);
    case ExprKind::kConditional:
      return evaluate_conditional(node);
    case ExprKind::kAttribute: {
      const Value object = evaluate(*node.children[0]);
      return object.is_failed() ? object : get_attribute(rt_, object, node.name);
    }
    case ExprKind::kSubscript: {
      const Value object = evaluate(*node.children[0]);
      const Value key = object.is_failed() ? object : evaluate(*node.children[1]);
      return key.is_failed() ? key : get_item(rt_, object, key);
    }
    case ExprKind::kSlice:
      return evaluate_slice(node);
    case ExprKind::kCall:
      return evaluate_call(node, nullptr);
    case ExprKind::kFilter:
      return evaluate_filter(node, nullptr);
    case ExprKind::kTest:
      return evaluate_test(node);
  }
  return Value::failed();
}

Value Evaluator::evaluate_name(const Expr& node) {
  const Value& value = slot(node.slot);
  return value.is(Kind::kMissing) ? rt_.undefined(fmt::format("'{}' is undefined", node.name))
                                  : value;
}

Value Evaluator::evaluate_sequence(const Expr& node) {
  std::vector<Value> items;
  items.reserve(node.children.size());
  for (const Expr* child : node.children) {
    items.push_back(evaluate(*child));
    if (rt_.failed()) {
      return Value::failed();
    }
  }
  return node.kind == ExprKind::kList ? rt_.list(std::move(items)) : rt_.tuple(std::move(items));
}

Value Evaluator::evaluate_dict(const Expr& node) {
  if (!rt_.room_for(128)) {
    return Value::failed();
  }
  auto& dict = rt_.heap().make<DictObject>();
  rt_.heap().charge(static_cast<int64_t>(node.children.size()) * 32);
  for (size_t i = 0; i + 1 < node.children.size(); i += 2) {
    const Value key = evaluate(*node.children[i]);
    const Value value = key.is_failed() ? key : evaluate(*node.children[i + 1]);
    if (value.is_failed() || !check_hashable(rt_, key)) {
      return Value::failed();
    }
    dict.set(key, value);
  }
  return Value::object_of(Kind::kDict, &dict);
}

Value Evaluator::evaluate_concat(const Expr& node) {
  Value text;
  for (const Expr* child : node.children) {
    const Value value = evaluate(*child);
    const Value part = value.is_failed() ? value : to_str(rt_, value);
    if (part.is_failed()) {
      return part;
    }
    text = text.is(Kind::kMissing) ? part : rt_.joined(text, part);
    if (text.is_failed()) {
      return text;
    }
  }
  return text;
}

Value Evaluator::evaluate_compare(const Expr& node) {
  Value left = evaluate(*node.children[0]);
  Value result = Value::boolean_of(true);
  for (size_t i = 0; i < node.compares.size() && !left.is_failed(); ++i) {
    const Value right = evaluate(*node.children[i + 1]);
    result = right.is_failed() ? right : compare(rt_, node.compares[i], left, right);
    if (result.is_failed() || !result.boolean) {
      return result;
    }
    left = right;
  }
  return left.is_failed() ? left : result;
}

Value Evaluator::evaluate_conditional(const Expr& node) {
  const Value condition = evaluate(*node.children[1]);
  if (condition.is_failed()) {
    return condition;
  }
  if (truthy(condition)) {
    return evaluate(*node.children[0]);
  }
  if (node.children[2] != nullptr) {
    return evaluate(*node.children[2]);
  }
  return rt_.undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no "
                  "else section was defined.",
                  node.line));
}

Value Evaluator::evaluate_slice(const Expr& node) {
  Value parts[4];
  for (size_t i = 0; i < 4; ++i) {
    if (node.children[i] != nullptr) {
      parts[i] = evaluate(*node.children[i]);
    }
    if (rt_.failed()) {
      return Value::failed();
    }
  }
  return get_slice(rt_, parts[0], {.start = parts[1], .stop = parts[2], .step = parts[3]});
}

bool Evaluator::spread(const Expr& node, Arguments& args) {
  if (node.star != nullptr) {
    const Value items = evaluate(*node.star);
    if (items.is_failed()) {
      return false;
    }
    for (const Value& item : collect(rt_, items)) {
      args.positional.push_back(item);
    }
  }
  if (node.double_star == nullptr || rt_.failed()) {
    return !rt_.failed();
  }
  const Value named = evaluate(*node.double_star);
  if (named.is_failed()) {
    return false;
  }
  if (!named.is(Kind::kDict)) {
    rt_.raise(fmt::format("argument after ** must be a mapping, not {}", type_name(named)));
    return false;
  }
  for (const auto& [key, value] : named.dict().entries()) {
    if (!key.is_string() || args.keyword(key.bytes()) != nullptr) {
      rt_.raise("keywords must be strings, each given once");
      return false;
    }
    args.keywords.emplace_back(key.bytes(), value);
  }
  return true;
}

// The first child is the callee or input; the arguments follow.
bool Evaluator::evaluate_arguments(const Expr& node, Arguments& args) {
  args.positional.reserve(node.children.size());
  for (size_t i = 1; i < node.children.size(); ++i) {
    args.positional.push_back(evaluate(*node.children[i]));
    if (rt_.failed()) {
      return false;
    }
  }
  for (const KeywordArgument& keyword : node.keywords) {
    args.keywords.emplace_back(keyword.name, evaluate(*keyword.value));
    if (rt_.failed()) {
      return false;
    }
  }
  return spread(node, args);
}

Value Evaluator::evaluate_call(const Expr& node, const Value* caller) {
  const Value callee = evaluate(*node.children[0]);
  Arguments args;
  if (callee.is_failed() || !evaluate_arguments(node, args)) {
    return Value::failed();
  }
  if (caller != nullptr) {
    args.keywords.emplace_back("caller", *caller);
  }
  rt_.set_line(node.line);
  return call(callee, args);
}

// What reads a whole string pays for its length.
void Evaluator::spend_on(const Value& value) {
  rt_.spend(value.is_string() ? value.string().bytes_size() / 4 : 0);
}

// A filter without input filters the text of the surrounding block.
Value Evaluator::evaluate_filter(const Expr& node, const Value* block) {
  const Expr* input = node.children[0];
  Value value;
  if (input == nullptr) {
    value = *block;
  } else if (block != nullptr && input->kind == ExprKind::kFilter) {
    value = evaluate_filter(*input, block);
  } else {
    value = evaluate(*input);
  }
  Arguments args;
  if (value.is_failed() || !evaluate_arguments(node, args)) {
    return Value::failed();
  }
  rt_.set_line(node.line);
  spend_on(value);
  if (node.filter == nullptr) {
    return rt_.raise(fmt::format("No filter named '{}' found.", node.name));
  }
  return rt_.failed() ? Value::failed() : node.filter->function(rt_, value, args);
}

Value Evaluator::evaluate_test(const Expr& node) {
  const Value value = evaluate(*node.children[0]);
  Arguments args;
  if (value.is_failed() || !evaluate_arguments(node, args)) {
    return Value::failed();
  }
  rt_.set_line(node.line);
  if (node.test == nullptr) {
    return rt_.raise(fmt::format("No test named '{}' found.", node.name));
  }
  return node.test->function(rt_, value, args);
}

}  // namespace dak::jinja
