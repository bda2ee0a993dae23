#include <fmt/core.h>

#include "dakkar/text/jinja/attributes.h"
#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {
namespace {

enum class Keep { kPassing, kFailing };
enum class Look { kItem, kAttribute };

// What is applied to every item: a named test with the remaining arguments, or plain truth.
struct Selector {
  const TestEntry* test = nullptr;
  Arguments args;
  Value attribute;
};

bool make_selector(Runtime& rt, const Arguments& args, Look look, Selector& out) {
  const size_t offset = look == Look::kAttribute ? 1 : 0;
  if (args.positional.size() < offset) {
    rt.raise("Missing parameter for attribute name");
    return false;
  }
  if (offset == 1) {
    out.attribute = args.positional[0];
  }
  if (args.positional.size() == offset) {
    return true;
  }
  const Value& name = args.positional[offset];
  out.test = name.is_string() ? find_test(name.bytes()) : nullptr;
  if (out.test == nullptr) {
    rt.raise(name.is_string() ? fmt::format("No test named '{}'.", name.bytes())
                              : std::string("the name of a test must be a string"));
    return false;
  }
  const auto rest = args.positional.begin() + static_cast<int64_t>(offset) + 1;
  out.args.positional.assign(rest, args.positional.end());
  out.args.keywords = args.keywords;
  return true;
}

template <Keep kKeep, Look kLook>
Value select(Runtime& rt, const Value& self, const Arguments& args) {
  if (!truthy(self)) {
    return rt.generator({});
  }
  Selector selector;
  std::vector<Value> kept;
  if (make_selector(rt, args, kLook, selector)) {
    Iterator walk(rt, self);
    Value item;
    while (walk.next(item)) {
      const Value seen =
          kLook == Look::kAttribute ? get_path(rt, item, selector.attribute, nullptr) : item;
      Value passes = seen;
      if (!seen.is_failed() && selector.test != nullptr) {
        passes = selector.test->function(rt, seen, selector.args);
      }
      if (passes.is_failed()) {
        break;
      }
      if (truthy(passes) == (kKeep == Keep::kPassing)) {
        kept.push_back(item);
      }
    }
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(kept), std::move(error));
}

Value map_attribute(Runtime& rt, const Value& self, const Arguments& args) {
  const Value* attribute = args.keyword("attribute");
  const Value* fallback = args.keyword("default");
  for (const auto& [name, value] : args.keywords) {
    if (name != "attribute" && name != "default") {
      return rt.raise(fmt::format("Unexpected keyword argument '{}'", name));
    }
  }
  if (fallback != nullptr && fallback->is(Kind::kNone)) {
    fallback = nullptr;
  }
  std::vector<Value> mapped;
  Iterator walk(rt, self);
  Value item;
  while (walk.next(item)) {
    const Value result = get_path(rt, item, *attribute, fallback);
    if (result.is_failed()) {
      break;
    }
    mapped.push_back(result);
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(mapped), std::move(error));
}

Value map_filter(Runtime& rt, const Value& self, const Arguments& args) {
  const Value& name = args.positional[0];
  const FilterEntry* filter = name.is_string() ? find_filter(name.bytes()) : nullptr;
  std::vector<Value> mapped;
  if (filter == nullptr) {
    rt.raise(name.is_string() ? fmt::format("No filter named '{}'.", name.bytes())
                              : std::string("the name of a filter must be a string"));
  } else {
    Arguments rest;
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.keywords = args.keywords;
    Iterator walk(rt, self);
    Value item;
    while (walk.next(item)) {
      const Value result = filter->function(rt, item, rest);
      if (result.is_failed()) {
        break;
      }
      mapped.push_back(result);
    }
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(mapped), std::move(error));
}

Value map(Runtime& rt, const Value& self, const Arguments& args) {
  if (!truthy(self)) {
    return rt.generator({});
  }
  if (args.positional.empty() && args.keyword("attribute") != nullptr) {
    return map_attribute(rt, self, args);
  }
  if (args.positional.empty()) {
    return rt.generator({}, "map requires a filter argument");
  }
  return map_filter(rt, self, args);
}

Value attr(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "attr", .parameters = {"name"}, .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (!bound.get(0)->is_string()) {
    return rt.raise("attribute name must be string");
  }
  return get_only_attribute(rt, self, bound.get(0)->bytes());
}

constexpr FilterEntry kFilters[] = {
    {"select", select<Keep::kPassing, Look::kItem>},
    {"reject", select<Keep::kFailing, Look::kItem>},
    {"selectattr", select<Keep::kPassing, Look::kAttribute>},
    {"rejectattr", select<Keep::kFailing, Look::kAttribute>},
    {"map", map},
    {"attr", attr},
};

}  // namespace

std::span<const FilterEntry> selection_filters() {
  return kFilters;
}

}  // namespace dak::jinja
