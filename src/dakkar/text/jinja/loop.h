#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

struct Stmt;
struct Activation;
struct MethodEntry;

/// Where a `for` loop gets its items; filtered items are computed when asked for.
class LoopSource {
 public:
  virtual ~LoopSource() = default;
  virtual bool next(Value& out) = 0;
  /// The number of items where it is known without walking.
  virtual std::optional<int64_t> length() const = 0;
};

/// The `loop` variable. It looks one item ahead for `last` and `nextitem`, and reads everything for
/// `length` when the source has none of its own.
class LoopObject final : public Object {
 public:
  explicit LoopObject(LoopSource& source) : source_(&source) {}

  bool next(Value& out);
  /// Detaches from the source when the loop is over.
  void finish() { source_ = nullptr; }
  /// Reads `loop.name`; missing when there is no such attribute.
  Value attribute(Runtime& rt, std::string_view name);
  Value cycle(Runtime& rt, const std::vector<Value>& values) const;
  bool changed(Runtime& rt, const std::vector<Value>& values);

  int64_t depth0 = 0;
  const Stmt* recursive = nullptr;  ///< the statement that a call of `loop` runs again
  Activation* closure = nullptr;

 private:
  bool pull(Value& out);
  bool peek();
  int64_t length();

  LoopSource* source_;
  std::deque<Value> drained_;
  int64_t index0_ = -1;
  std::optional<int64_t> length_;
  std::optional<Value> after_;
  Value current_;
  Value before_;
  std::optional<std::vector<Value>> last_changed_;
};

struct CyclerObject final : public Object {
  std::vector<Value> items;
  size_t at = 0;
};

struct JoinerObject final : public Object {
  Value separator;
  bool used = false;
};

/// The slots of one function call in progress (or kept by a macro that was defined in it).
struct Activation final : public Object {
  Activation* outer = nullptr;
  bool captured = false;  ///< a macro or loop may outlive the call and still read the slots
  std::vector<Value> slots;
};

/// A global function, or a method together with its object, ready to be called.
struct MethodObject final : public Object {
  Value self;
  const MethodEntry* entry = nullptr;
};

struct MacroObject final : public Object {
  const Stmt* statement = nullptr;
  Activation* closure = nullptr;
};

/// Objects that a template may change although values only look at them.
template <typename T>
T& mutable_object(const Value& value) {
  return const_cast<T&>(value.as<T>());
}

}  // namespace dak::jinja
