#include <cmath>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {
namespace {

constexpr MethodAccess kMutates = MethodAccess::kMutates;
constexpr MethodAccess kUnsupported = MethodAccess::kUnsupported;

template <ViewPart kPart>
Value view(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "dict view", .parameters = {}, .required = 0});
  if (!bound.ok() || !rt.room_for(64)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<ViewObject>();
  made.dict = &self.dict();
  made.part = kPart;
  return Value::object_of(Kind::kView, &made);
}

Value dict_get(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "get", .parameters = {"", ""}, .required = 1});
  if (!bound.ok() || !check_hashable(rt, *bound.get(0))) {
    return Value::failed();
  }
  const Value* found = self.dict().find(*bound.get(0));
  return found != nullptr ? *found : bound.get_or(1, Value::none());
}

Value dict_copy(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "copy", .parameters = {}, .required = 0});
  if (!bound.ok() || !rt.spend(self.dict().size() * 16) || !rt.room_for(self.dict().size() * 32)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<DictObject>();
  rt.heap().charge(self.dict().size() * 32);
  for (const auto& [key, value] : self.dict().entries()) {
    made.set(key, value);
  }
  return Value::object_of(Kind::kDict, &made);
}

Value count_items(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "count", .parameters = {""}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  int64_t count = 0;
  Iterator walk(rt, self);
  Value item;
  while (walk.next(item)) {
    count += equals(rt, item, *bound.get(0)) ? 1 : 0;
  }
  return rt.failed() ? Value::failed() : Value::integer_of(count);
}

Value index_of_item(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "index", .parameters = {"", "", ""}, .required = 1});
  int64_t bounds[2] = {0, INT64_MAX};
  if (!bound.ok() || (bound.has(1) && !to_index(rt, *bound.get(1), bounds[0])) ||
      (bound.has(2) && !to_index(rt, *bound.get(2), bounds[1]))) {
    return Value::failed();
  }
  const int64_t size = *length_of(self);
  for (int64_t& edge : bounds) {
    edge = edge < 0 ? std::max<int64_t>(edge + size, 0) : edge;
  }
  Iterator walk(rt, self);
  Value item;
  for (int64_t index = 0; walk.next(item); ++index) {
    if (index >= bounds[0] && index < bounds[1] && equals(rt, item, *bound.get(0))) {
      return Value::integer_of(index);
    }
  }
  return rt.raise("value is not in list");
}

Value list_copy(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "copy", .parameters = {}, .required = 0});
  return bound.ok() ? rt.list(self.items()) : Value::failed();
}

Value is_integer(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "is_integer", .parameters = {}, .required = 0});
  return bound.ok()
             ? Value::boolean_of(std::isfinite(self.real) && std::floor(self.real) == self.real)
             : Value::failed();
}

Value bit_length(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "bit_length", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const int64_t number = self.as_integer();
  uint64_t size = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  int64_t bits = 0;
  for (; size > 0; size >>= 1) {
    ++bits;
  }
  return Value::integer_of(bits);
}

Value same_number(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "conjugate", .parameters = {}, .required = 0});
  return bound.ok() ? plus(rt, self) : Value::failed();
}

Value loop_cycle(Runtime& rt, const Value& self, const Arguments& args) {
  return self.as<LoopObject>().cycle(rt, args.positional);
}

Value loop_changed(Runtime& rt, const Value& self, const Arguments& args) {
  const bool changed = mutable_object<LoopObject>(self).changed(rt, args.positional);
  return rt.failed() ? Value::failed() : Value::boolean_of(changed);
}

Value cycler_next(Runtime&, const Value& self, const Arguments&) {
  auto& cycler = mutable_object<CyclerObject>(self);
  const Value current = cycler.items[cycler.at];
  cycler.at = (cycler.at + 1) % cycler.items.size();
  return current;
}

Value cycler_reset(Runtime&, const Value& self, const Arguments&) {
  mutable_object<CyclerObject>(self).at = 0;
  return Value::none();
}

constexpr MethodEntry kDict[] = {
    {"items", view<ViewPart::kItems>},
    {"keys", view<ViewPart::kKeys>},
    {"values", view<ViewPart::kValues>},
    {"get", dict_get},
    {"copy", dict_copy},
    {"fromkeys", nullptr, kUnsupported},
    {"clear", nullptr, kMutates},
    {"pop", nullptr, kMutates},
    {"popitem", nullptr, kMutates},
    {"setdefault", nullptr, kMutates},
    {"update", nullptr, kMutates},
};

constexpr MethodEntry kList[] = {
    {"count", count_items},         {"index", index_of_item},     {"copy", list_copy},
    {"append", nullptr, kMutates},  {"clear", nullptr, kMutates}, {"extend", nullptr, kMutates},
    {"insert", nullptr, kMutates},  {"pop", nullptr, kMutates},   {"remove", nullptr, kMutates},
    {"reverse", nullptr, kMutates}, {"sort", nullptr, kMutates},
};

constexpr MethodEntry kTuple[] = {{"count", count_items}, {"index", index_of_item}};

constexpr MethodEntry kFloat[] = {
    {"is_integer", is_integer},
    {"conjugate", same_number},
    {"hex", nullptr, kUnsupported},
    {"fromhex", nullptr, kUnsupported},
    {"as_integer_ratio", nullptr, kUnsupported},
};

constexpr MethodEntry kInt[] = {
    {"bit_length", bit_length},
    {"conjugate", same_number},
    {"bit_count", nullptr, kUnsupported},
    {"to_bytes", nullptr, kUnsupported},
    {"from_bytes", nullptr, kUnsupported},
    {"as_integer_ratio", nullptr, kUnsupported},
};

constexpr MethodEntry kLoop[] = {{"cycle", loop_cycle}, {"changed", loop_changed}};
constexpr MethodEntry kCycler[] = {{"next", cycler_next}, {"reset", cycler_reset}};

}  // namespace

std::span<const MethodEntry> container_methods(Kind kind) {
  if (kind == Kind::kDict) {
    return kDict;
  }
  if (kind == Kind::kList) {
    return kList;
  }
  if (kind == Kind::kTuple || kind == Kind::kRange) {
    return kTuple;
  }
  if (kind == Kind::kFloat) {
    return kFloat;
  }
  if (kind == Kind::kInt || kind == Kind::kBool) {
    return kInt;
  }
  if (kind == Kind::kLoop) {
    return kLoop;
  }
  return kind == Kind::kCycler ? std::span<const MethodEntry>(kCycler)
                               : std::span<const MethodEntry>();
}

}  // namespace dak::jinja
