#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/evaluator.h"
#include "dakkar/text/jinja/operators.h"

namespace dak::jinja {

Activation* Evaluator::enter_function(const FunctionLayout& layout, Activation* outer) {
  const auto slots = static_cast<size_t>(layout.slots);
  if (!rt_.room_for(static_cast<int64_t>(slots * sizeof(Value)))) {
    return nullptr;
  }
  Activation* activation = nullptr;
  if (!free_.empty()) {
    activation = free_.back();
    free_.pop_back();
  } else {
    activation = &rt_.heap().make<Activation>();
  }
  activation->outer = outer;
  activation->captured = false;
  activation->slots.assign(slots, Value{});
  current_ = activation;
  return activation;
}

void Evaluator::leave_function(Activation* activation, Activation* back) {
  current_ = back;
  if (activation->captured) {
    rt_.heap().charge(static_cast<int64_t>(activation->slots.size() * sizeof(Value)));
    return;
  }
  free_.push_back(activation);
}

void Evaluator::capture(Activation* activation) {
  for (; activation != nullptr && !activation->captured; activation = activation->outer) {
    activation->captured = true;
  }
}

Value Evaluator::make_macro(const Stmt& node) {
  if (!rt_.room_for(128)) {
    return Value::failed();
  }
  auto& macro = rt_.heap().make<MacroObject>();
  macro.statement = &node;
  macro.closure = current_;
  capture(current_);
  return Value::object_of(Kind::kMacro, &macro);
}

Value Evaluator::call(const Value& callee, const Arguments& args) {
  if (callee.is(Kind::kFunction) || callee.is(Kind::kMethod)) {
    const auto& method = callee.as<MethodObject>();
    spend_on(method.self);
    return rt_.failed() ? Value::failed() : method.entry->function(rt_, method.self, args);
  }
  if (callee.is(Kind::kMacro)) {
    return call_macro(callee.as<MacroObject>(), args);
  }
  if (callee.is(Kind::kLoop)) {
    return loop_again(callee.as<LoopObject>(), args);
  }
  if (callee.is(Kind::kJoiner)) {
    auto& joiner = mutable_object<JoinerObject>(callee);
    const bool first = !std::exchange(joiner.used, true);
    return first ? rt_.text("", Origin::kTemplate) : joiner.separator;
  }
  if (callee.is_undefined()) {
    return raise_undefined(rt_, callee);
  }
  return rt_.raise(fmt::format("'{}' object is not callable", type_name(callee)));
}

// Fills the parameters' slots of the current activation.
void Evaluator::bind_parameters(const Stmt& node, const Arguments& args) {
  const size_t count = node.parameters.size();
  const std::string name = node.kind == StmtKind::kMacro ? node.name : "caller";
  std::vector<std::pair<std::string_view, Value>> rest = args.keywords;
  const auto take = [&rest](std::string_view wanted) {
    const auto found = std::find_if(rest.begin(), rest.end(),
                                    [&](const auto& entry) { return entry.first == wanted; });
    Value value;
    if (found != rest.end()) {
      value = found->second;
      rest.erase(found);
    }
    return value;
  };
  bool found_caller = args.positional.size() >= count && node.explicit_caller;
  for (size_t i = 0; i < count; ++i) {
    const Parameter& parameter = node.parameters[i];
    const bool given = i < args.positional.size();
    found_caller = found_caller || (!given && parameter.name == "caller");
    current_->slots[static_cast<size_t>(parameter.slot)] =
        given ? args.positional[i] : take(parameter.name);
  }
  if (node.caller_slot >= 0 && !found_caller) {
    Value caller = take("caller");
    const bool absent = caller.is(Kind::kMissing) || caller.is(Kind::kNone);
    current_->slots[static_cast<size_t>(node.caller_slot)] =
        absent ? rt_.undefined("No caller defined") : caller;
  }
  if (node.kwargs_slot >= 0 && rt_.room_for(128)) {
    auto& dict = rt_.heap().make<DictObject>();
    for (const auto& [key, value] : rest) {
      dict.set(rt_.text(key, Origin::kTemplate), value);
    }
    current_->slots[static_cast<size_t>(node.kwargs_slot)] = Value::object_of(Kind::kDict, &dict);
  } else if (!rest.empty()) {
    rt_.raise(fmt::format("macro '{}' takes no keyword argument '{}'", name, rest[0].first));
    return;
  }
  const bool too_many = args.positional.size() > count;
  if (node.varargs_slot >= 0) {
    const auto from =
        args.positional.begin() + static_cast<int64_t>(too_many ? count : args.positional.size());
    current_->slots[static_cast<size_t>(node.varargs_slot)] =
        rt_.tuple(std::vector<Value>(from, args.positional.end()));
  } else if (too_many) {
    rt_.raise(fmt::format("macro '{}' takes not more than {} argument(s)", name, count));
  }
}

Value Evaluator::call_macro(const MacroObject& macro, const Arguments& args) {
  const Stmt& node = *macro.statement;
  const Nested nested(*this);
  if (!nested.ok || calls_ >= rt_.limits().call_depth) {
    return rt_.raise("macros call each other too deeply");
  }
  Activation* back = current_;
  Activation* mine = enter_function(node.function, macro.closure);
  if (mine == nullptr) {
    return Value::failed();
  }
  ++calls_;
  bind_parameters(node, args);
  if (!rt_.failed()) {
    enter(node.scope);
  }
  for (const Parameter& parameter : node.parameters) {
    Value& given = mine->slots[static_cast<size_t>(parameter.slot)];
    if (!given.is(Kind::kMissing) || rt_.failed()) {
      continue;
    }
    const Value value =
        parameter.fallback != nullptr
            ? evaluate(*parameter.fallback)
            : rt_.undefined(fmt::format("parameter '{}' was not provided", parameter.name));
    mine->slots[static_cast<size_t>(parameter.slot)] = value;
  }
  rt_.open_buffer();
  if (!rt_.failed()) {
    execute(node.body);
  }
  MarkedText text = rt_.close_buffer();
  --calls_;
  leave_function(mine, back);
  return rt_.failed() ? Value::failed() : rt_.text(std::move(text));
}

Value Evaluator::loop_again(const LoopObject& loop, const Arguments& args) {
  if (loop.recursive == nullptr) {
    return rt_.raise("The loop must have the 'recursive' marker enabled.");
  }
  const Bound bound(rt_, args, {.function = "loop", .parameters = {"iterable"}, .required = 1});
  const Nested nested(*this);
  if (!bound.ok() || !nested.ok) {
    return Value::failed();
  }
  if (calls_ >= rt_.limits().call_depth) {
    return rt_.raise("loops call each other too deeply");
  }
  const Stmt& node = *loop.recursive;
  Activation* back = current_;
  Activation* mine = enter_function(node.function, loop.closure);
  if (mine == nullptr) {
    return Value::failed();
  }
  ++calls_;
  rt_.open_buffer();
  run_loop(node, *bound.get(0), loop.depth0 + 1);
  MarkedText text = rt_.close_buffer();
  --calls_;
  leave_function(mine, back);
  return rt_.failed() ? Value::failed() : rt_.text(std::move(text));
}

}  // namespace dak::jinja
