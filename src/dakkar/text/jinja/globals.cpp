#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/strftime.h"

namespace dak::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;

bool add_pairs(Runtime& rt, const Value& pairs, DictObject& out) {
  for (const Value& pair : collect(rt, pairs)) {
    const std::vector<Value> parts = collect(rt, pair);
    if (rt.failed() || parts.size() != 2) {
      rt.raise("dictionary update sequence element must have length 2");
      return false;
    }
    if (!check_hashable(rt, parts[0])) {
      return false;
    }
    out.set(parts[0], parts[1]);
  }
  return !rt.failed();
}

// What `dict(...)` accepts: a mapping or pairs, then keywords.
bool fill_dict(Runtime& rt, const Arguments& args, DictObject& out) {
  if (args.positional.size() > 1) {
    rt.raise(fmt::format("dict expected at most 1 argument, got {}", args.positional.size()));
    return false;
  }
  if (!args.positional.empty()) {
    const Value& source = args.positional[0];
    if (source.is(Kind::kDict)) {
      for (const auto& [key, value] : source.dict().entries()) {
        out.set(key, value);
      }
    } else if (!add_pairs(rt, source, out)) {
      return false;
    }
  }
  for (const auto& [name, value] : args.keywords) {
    out.set(rt.text(name, Origin::kTemplate), value);
  }
  rt.spend(out.size() * 16);
  rt.heap().charge(out.size() * 64);
  return !rt.failed();
}

Value make_dict(Runtime& rt, const Value&, const Arguments& args) {
  if (!rt.room_for(128)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<DictObject>();
  return fill_dict(rt, args, made) ? Value::object_of(Kind::kDict, &made) : Value::failed();
}

Value make_namespace(Runtime& rt, const Value&, const Arguments& args) {
  if (!rt.room_for(128)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<DictObject>();
  if (!fill_dict(rt, args, made)) {
    return Value::failed();
  }
  for (const auto& [key, value] : made.entries()) {
    if (key.is_string() && !key.bytes().empty() && key.bytes()[0] == '_') {
      return rt.raise(
          fmt::format("chat templates cannot store underscore-prefixed attributes on "
                      "a namespace, but got '{}'",
                      key.bytes()));
    }
  }
  return Value::object_of(Kind::kNamespace, &made);
}

Value make_range(Runtime& rt, const Value&, const Arguments& args) {
  const Bound bound(rt, args, {.function = "range", .parameters = {"", "", ""}, .required = 1});
  int64_t numbers[3] = {0, 0, 1};
  for (size_t i = 0; bound.ok() && i < args.positional.size(); ++i) {
    if (!to_index(rt, args.positional[i], numbers[i])) {
      return Value::failed();
    }
  }
  if (!bound.ok() || !rt.room_for(64)) {
    return Value::failed();
  }
  if (args.positional.size() == 1) {
    std::swap(numbers[0], numbers[1]);
  }
  if (numbers[2] == 0) {
    return rt.raise("range() arg 3 must not be zero");
  }
  RangeObject range;
  range.start = numbers[0];
  range.stop = numbers[1];
  range.step = numbers[2];
  const int64_t length = range.length();
  if (length > kMaxRange || length < 0) {
    return rt.raise(
        fmt::format("Range too big. The sandbox blocks ranges larger than {}.", kMaxRange));
  }
  return Value::object_of(Kind::kRange, &rt.heap().make<RangeObject>(range));
}

Value raise_exception(Runtime& rt, const Value&, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "raise_exception", .parameters = {"message"}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  const MarkedText message = str_of(rt, *bound.get(0));
  return rt.raise_exception(message.bytes());
}

Value strftime_now(Runtime& rt, const Value&, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "strftime_now", .parameters = {"format"}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (!bound.get(0)->is_string()) {
    return rt.raise("strftime() argument 1 must be str");
  }
  return rt.text(format_time(bound.get(0)->bytes(), rt.clock()), Origin::kTemplate);
}

Value make_cycler(Runtime& rt, const Value&, const Arguments& args) {
  if (args.positional.empty() || !args.keywords.empty()) {
    return rt.raise("at least one item has to be provided");
  }
  if (!rt.room_for(128)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<CyclerObject>();
  made.items = args.positional;
  return Value::object_of(Kind::kCycler, &made);
}

Value make_joiner(Runtime& rt, const Value&, const Arguments& args) {
  const Bound bound(rt, args, {.function = "joiner", .parameters = {"sep"}, .required = 0});
  if (!bound.ok() || !rt.room_for(64)) {
    return Value::failed();
  }
  auto& made = rt.heap().make<JoinerObject>();
  made.separator = bound.has(0) ? *bound.get(0) : rt.text(", ", Origin::kTemplate);
  return Value::object_of(Kind::kJoiner, &made);
}

Value no_lipsum(Runtime& rt, const Value&, const Arguments&) {
  return rt.raise("lipsum is not supported in a chat template");
}

constexpr MethodEntry kGlobals[] = {
    {"namespace", make_namespace},  {"dict", make_dict},
    {"range", make_range},          {"raise_exception", raise_exception},
    {"strftime_now", strftime_now}, {"cycler", make_cycler},
    {"joiner", make_joiner},        {"lipsum", no_lipsum},
};

}  // namespace

const MethodEntry* find_global(std::string_view name) {
  const auto* found = std::find_if(std::begin(kGlobals), std::end(kGlobals),
                                   [name](const MethodEntry& entry) { return entry.name == name; });
  return found == std::end(kGlobals) ? nullptr : found;
}

}  // namespace dak::jinja
