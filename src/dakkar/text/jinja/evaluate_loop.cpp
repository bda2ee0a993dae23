#include "dakkar/text/jinja/evaluator.h"
#include "dakkar/text/jinja/operators.h"

namespace dak::jinja {

// The items themselves.
class Evaluator::PlainItems final : public LoopSource {
 public:
  PlainItems(Runtime& rt, const Value& items) : items_(items), walk_(rt, items) {}
  bool next(Value& out) override { return walk_.next(out); }
  std::optional<int64_t> length() const override { return length_of(items_); }

 private:
  Value items_;
  Iterator walk_;
};

// The items that pass the loop's `if`, each tested only when it is asked for.
class Evaluator::FilteredItems final : public LoopSource {
 public:
  FilteredItems(Evaluator& evaluator, const Stmt& node, const Value& items)
      : evaluator_(evaluator), node_(node), walk_(evaluator.rt_, items) {}

  bool next(Value& out) override {
    const Target& target = node_.test_targets[0];
    Value item;
    while (walk_.next(item)) {
      evaluator_.assign(target, item);
      if (evaluator_.rt_.failed()) {
        return false;
      }
      const Value passes = evaluator_.evaluate(*node_.filter);
      if (passes.is_failed()) {
        return false;
      }
      if (truthy(passes)) {
        out = evaluator_.rebuilt(target);
        return !out.is_failed();
      }
    }
    return false;
  }
  std::optional<int64_t> length() const override { return std::nullopt; }

 private:
  Evaluator& evaluator_;
  const Stmt& node_;
  Iterator walk_;
};

// A filtered loop passes on what its target was unpacked into, as a tuple.
Value Evaluator::rebuilt(const Target& target) {
  if (target.kind != TargetKind::kTuple) {
    return slot(target.slot);
  }
  std::vector<Value> parts;
  for (const Target& part : target.parts) {
    parts.push_back(rebuilt(part));
  }
  return rt_.tuple(std::move(parts));
}

Evaluator::Flow Evaluator::execute_for(const Stmt& node) {
  const Value items = evaluate(*node.exprs[0]);
  if (items.is_failed()) {
    return Flow::kBreak;
  }
  if (!node.recursive) {
    return run_loop(node, items, 0);
  }
  Activation* back = current_;
  Activation* mine = enter_function(node.function, back);
  if (mine == nullptr) {
    return Flow::kBreak;
  }
  run_loop(node, items, 0);
  leave_function(mine, back);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::run_loop(const Stmt& node, const Value& items, int64_t depth0) {
  PlainItems plain(rt_, node.filter == nullptr ? items : Value::undefined());
  if (node.filter != nullptr) {
    enter(node.test_scope);
  }
  FilteredItems filtered(*this, node, node.filter != nullptr ? items : Value::undefined());
  LoopSource& source = node.filter != nullptr ? static_cast<LoopSource&>(filtered) : plain;
  if (rt_.failed() || !rt_.room_for(256)) {
    return Flow::kBreak;
  }
  LoopObject* loop = nullptr;
  if (node.loop_slot >= 0) {
    loop = &rt_.heap().make<LoopObject>(source);
    loop->depth0 = depth0;
    if (node.recursive) {
      loop->recursive = &node;
      loop->closure = current_->outer;
      capture(current_->outer);
    }
  }
  const Flow flow = run_items(node, source, loop);
  if (loop != nullptr) {
    loop->finish();
  }
  return flow;
}

Evaluator::Flow Evaluator::run_items(const Stmt& node, LoopSource& source, LoopObject* loop) {
  bool any_completed = false;
  Value item;
  while (loop != nullptr ? loop->next(item) : source.next(item)) {
    if (loop != nullptr) {
      current_->slots[static_cast<size_t>(node.loop_slot)] = Value::object_of(Kind::kLoop, loop);
    }
    assign(node.targets[0], item);
    if (rt_.failed()) {
      return Flow::kBreak;
    }
    enter(node.scope);
    const Flow flow = execute(node.body);
    if (rt_.failed()) {
      return Flow::kBreak;
    }
    if (flow == Flow::kBreak) {
      break;
    }
    any_completed = any_completed || flow == Flow::kNext;
  }
  if (rt_.failed()) {
    return Flow::kBreak;
  }
  if (!any_completed && !node.otherwise.empty()) {
    enter(node.else_scope);
    return execute(node.otherwise);
  }
  return Flow::kNext;
}

}  // namespace dak::jinja
