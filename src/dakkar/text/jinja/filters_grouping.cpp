#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "dakkar/text/jinja/attributes.h"
#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/text_operations.h"

namespace dak::jinja {
namespace {

enum class Case { kSensitive, kFolded };

Case case_of(const Value& sensitive) {
  return truthy(sensitive) ? Case::kSensitive : Case::kFolded;
}

SortOrder order_of(const Value& reverse) {
  return truthy(reverse) ? SortOrder::kDescending : SortOrder::kAscending;
}

Value folded(Runtime& rt, const Value& value, Case how) {
  return value.is_string() && how == Case::kFolded ? rt.text(lower(value.text())) : value;
}

// A comma-separated list of paths gives a key of that many parts.
Value multi_key(Runtime& rt, const Value& item, const Value& attribute, Case how) {
  std::vector<Value> parts;
  if (!attribute.is_string()) {
    parts.push_back(folded(rt, get_path(rt, item, attribute, nullptr), how));
    return rt.list(std::move(parts));
  }
  const std::string comma = ",";
  for (MarkedText& path : split(attribute.text(), {.separator = &comma})) {
    const Value part = get_path(rt, item, rt.text(std::move(path)), nullptr);
    parts.push_back(folded(rt, part, how));
  }
  return rt.list(std::move(parts));
}

std::vector<Value> values_of(std::vector<Keyed> keyed) {
  std::vector<Value> values;
  values.reserve(keyed.size());
  for (const Keyed& one : keyed) {
    values.push_back(one.value);
  }
  return values;
}

Value sort(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "sort",
                     .parameters = {"reverse", "case_sensitive", "attribute"},
                     .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Case sensitive = case_of(bound.get_or(1, Value::boolean_of(false)));
  const Value attribute = bound.get_or(2, Value::none());
  std::vector<Keyed> keyed;
  for (const Value& item : collect(rt, self)) {
    keyed.push_back({.key = multi_key(rt, item, attribute, sensitive), .value = item});
    if (rt.failed()) {
      return Value::failed();
    }
  }
  sort_keyed(rt, keyed, order_of(bound.get_or(0, Value::boolean_of(false))));
  return rt.failed() ? Value::failed() : rt.list(values_of(std::move(keyed)));
}

Value dict_sort(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(
      rt, args,
      {.function = "dictsort", .parameters = {"case_sensitive", "by", "reverse"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value by = bound.get_or(1, Value::none());
  const bool by_value = by.is_string() && by.bytes() == "value";
  if (bound.has(1) && !by_value && !(by.is_string() && by.bytes() == "key")) {
    return rt.raise("You can only sort by either \"key\" or \"value\"");
  }
  if (self.is_undefined()) {
    return raise_undefined(rt, self);
  }
  if (!self.is(Kind::kDict)) {
    return rt.raise(fmt::format("'{}' object has no attribute 'items'", type_name(self)));
  }
  const Case sensitive = case_of(bound.get_or(0, Value::boolean_of(false)));
  std::vector<Keyed> keyed;
  for (const auto& entry : self.dict().entries()) {
    const Value& key = by_value ? entry.second : entry.first;
    keyed.push_back(
        {.key = folded(rt, key, sensitive), .value = view_item(rt, entry, ViewPart::kItems)});
  }
  sort_keyed(rt, keyed, order_of(bound.get_or(2, Value::boolean_of(false))));
  return rt.failed() ? Value::failed() : rt.list(values_of(std::move(keyed)));
}

Value unique(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(
      rt, args,
      {.function = "unique", .parameters = {"case_sensitive", "attribute"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Case sensitive = case_of(bound.get_or(0, Value::boolean_of(false)));
  const Value attribute = bound.get_or(1, Value::none());
  std::vector<Value> kept;
  std::set<Value, KeyLess> seen;
  Iterator walk(rt, self);
  Value item;
  while (walk.next(item)) {
    const Value key = folded(rt, get_path(rt, item, attribute, nullptr), sensitive);
    if (key.is_failed() || !check_hashable(rt, key)) {
      break;
    }
    if (seen.insert(key).second) {
      kept.push_back(item);
    }
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(kept), std::move(error));
}

template <CompareOp kBetter>
Value extreme(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(
      rt, args,
      {.function = "min/max", .parameters = {"case_sensitive", "attribute"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Case sensitive = case_of(bound.get_or(0, Value::boolean_of(false)));
  const Value attribute = bound.get_or(1, Value::none());
  Iterator walk(rt, self);
  Value item;
  Value best;
  Value best_key;
  while (walk.next(item)) {
    const Value key = folded(rt, get_path(rt, item, attribute, nullptr), sensitive);
    if (key.is_failed()) {
      return key;
    }
    const Value better =
        best.is(Kind::kMissing) ? Value::boolean_of(true) : compare(rt, kBetter, key, best_key);
    if (better.is_failed()) {
      return better;
    }
    if (better.boolean) {
      best = item;
      best_key = key;
    }
  }
  if (rt.failed()) {
    return Value::failed();
  }
  return best.is(Kind::kMissing) ? rt.undefined("No aggregated item, sequence was empty.") : best;
}

Value sum(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "sum", .parameters = {"attribute", "start"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value attribute = bound.get_or(0, Value::none());
  Value total = bound.get_or(1, Value::integer_of(0));
  if (total.is_string()) {
    return rt.raise("sum() can't sum strings [use ''.join(seq) instead]");
  }
  Iterator walk(rt, self);
  Value item;
  while (walk.next(item) && !total.is_failed()) {
    const Value part = get_path(rt, item, attribute, nullptr);
    total = part.is_failed() ? part : binary_operator(rt, BinaryOp::kAdd, total, part);
  }
  return rt.failed() ? Value::failed() : total;
}

Value group_tuple(Runtime& rt, const Value& grouper, std::vector<Value> members) {
  const Value group = rt.tuple({grouper, rt.list(std::move(members))});
  if (!group.is_failed()) {
    const_cast<ListObject&>(group.as<ListObject>()).is_group = true;
  }
  return group;
}

Value group_by(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "groupby",
                     .parameters = {"attribute", "default", "case_sensitive"},
                     .required = 1});
  if (!bound.ok()) {
    return Value::failed();
  }
  const Value& attribute = *bound.get(0);
  const Value given = bound.get_or(1, Value::none());
  const Value* fallback = given.is(Kind::kNone) ? nullptr : &given;
  const Case sensitive = case_of(bound.get_or(2, Value::boolean_of(false)));
  std::vector<Keyed> keyed;
  for (const Value& item : collect(rt, self)) {
    const Value key = folded(rt, get_path(rt, item, attribute, fallback), sensitive);
    keyed.push_back({.key = key, .value = item});
    if (rt.failed()) {
      return Value::failed();
    }
  }
  sort_keyed(rt, keyed, SortOrder::kAscending);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size() && !rt.failed();) {
    size_t end = begin;
    std::vector<Value> members;
    while (end < keyed.size() && equals(rt, keyed[begin].key, keyed[end].key)) {
      members.push_back(keyed[end++].value);
    }
    if (end == begin) {
      members.push_back(keyed[end++].value);
    }
    const Value name = sensitive == Case::kSensitive
                           ? keyed[begin].key
                           : get_path(rt, members[0], attribute, fallback);
    groups.push_back(group_tuple(rt, name, std::move(members)));
    begin = end;
  }
  return rt.failed() ? Value::failed() : rt.list(std::move(groups));
}

constexpr FilterEntry kFilters[] = {
    {"sort", sort},
    {"dictsort", dict_sort},
    {"unique", unique},
    {"min", extreme<CompareOp::kLt>},
    {"max", extreme<CompareOp::kGt>},
    {"sum", sum},
    {"groupby", group_by},
};

}  // namespace

std::span<const FilterEntry> grouping_filters() {
  return kFilters;
}

}  // namespace dak::jinja
