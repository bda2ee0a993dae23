#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

Value length(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "length", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (self.is(Kind::kLoop)) {
    return mutable_object<LoopObject>(self).attribute(rt, "length");
  }
  const auto size = length_of(self);
  return size ? Value::integer_of(*size)
              : rt.raise(fmt::format("object of type '{}' has no len()", type_name(self)));
}

Value first(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "first", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  Iterator walk(rt, self);
  Value item;
  if (walk.next(item)) {
    return item;
  }
  return rt.failed() ? Value::failed() : rt.undefined("No first item, sequence was empty.");
}

bool is_reversible(const Value& value) {
  return is_iterable(value) && !value.is(Kind::kGenerator);
}

Value last(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "last", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (!is_reversible(self)) {
    return rt.raise(fmt::format("'{}' object is not reversible", type_name(self)));
  }
  if (self.is(Kind::kList) || self.is(Kind::kTuple)) {
    return self.items().empty() ? rt.undefined("No last item, sequence was empty.")
                                : self.items().back();
  }
  const std::vector<Value> items = collect(rt, self);
  if (rt.failed()) {
    return Value::failed();
  }
  return items.empty() ? rt.undefined("No last item, sequence was empty.") : items.back();
}

Value list(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "list", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  std::vector<Value> items = collect(rt, self);
  return rt.failed() ? Value::failed() : rt.list(std::move(items));
}

Value items(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "items", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  std::vector<Value> pairs;
  if (self.is_undefined()) {
    return rt.generator({});
  }
  if (!self.is(Kind::kDict)) {
    return rt.generator({},
                        fmt::format("line {}: Can only get item pairs from a mapping.", rt.line()));
  }
  for (const auto& entry : self.dict().entries()) {
    pairs.push_back(view_item(rt, entry, ViewPart::kItems));
  }
  return rt.failed() ? Value::failed() : rt.generator(std::move(pairs));
}

Value reverse(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args, {.function = "reverse", .parameters = {}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  if (!is_iterable(self)) {
    return rt.raise("argument must be iterable");
  }
  std::vector<Value> values = collect(rt, self);
  std::reverse(values.begin(), values.end());
  if (rt.failed()) {
    return Value::failed();
  }
  if (!self.is_string()) {
    return self.is(Kind::kGenerator) ? rt.list(std::move(values)) : rt.generator(std::move(values));
  }
  MarkedText text;
  for (const Value& value : values) {
    text.append(value.text());
  }
  Value made = rt.text(std::move(text));
  made.markup = self.markup && made.is_string();
  return made;
}

Value default_filter(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(
      rt, args, {.function = "default", .parameters = {"default_value", "boolean"}, .required = 0});
  if (!bound.ok()) {
    return Value::failed();
  }
  const bool by_truth = truthy(bound.get_or(1, Value::boolean_of(false)));
  if (!self.is_undefined() && !(by_truth && !truthy(self))) {
    return self;
  }
  return bound.has(0) ? *bound.get(0) : rt.text("", Origin::kTemplate);
}

Value batch(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "batch", .parameters = {"linecount", "fill_with"}, .required = 1});
  int64_t width = 0;
  if (!bound.ok() || !to_index(rt, *bound.get(0), width)) {
    return Value::failed();
  }
  const std::vector<Value> values = collect(rt, self);
  std::vector<Value> rows;
  std::vector<Value> row;
  for (const Value& value : values) {
    if (static_cast<int64_t>(row.size()) == width) {
      rows.push_back(rt.list(row));
      row.clear();
    }
    row.push_back(value);
  }
  if (!row.empty()) {
    const Value fill = bound.get_or(1, Value::none());
    if (!fill.is(Kind::kNone) && rt.spend(width)) {
      row.resize(static_cast<size_t>(std::max<int64_t>(width, static_cast<int64_t>(row.size()))),
                 fill);
    }
    rows.push_back(rt.list(std::move(row)));
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(rows), std::move(error));
}

Value slice(Runtime& rt, const Value& self, const Arguments& args) {
  const Bound bound(rt, args,
                    {.function = "slice", .parameters = {"slices", "fill_with"}, .required = 1});
  int64_t slices = 0;
  if (!bound.ok() || !to_index(rt, *bound.get(0), slices)) {
    return Value::failed();
  }
  const std::vector<Value> values = collect(rt, self);
  if (slices == 0 && !rt.failed()) {
    rt.raise("integer division or modulo by zero");
  }
  std::vector<Value> columns;
  if (!rt.failed() && rt.spend(std::max<int64_t>(slices, 0))) {
    const auto size = static_cast<int64_t>(values.size());
    const int64_t each = slices > 0 ? size / slices : 0;
    const int64_t longer = slices > 0 ? size % slices : 0;
    int64_t begin = 0;
    for (int64_t i = 0; i < slices; ++i) {
      const int64_t end = begin + each + (i < longer ? 1 : 0);
      std::vector<Value> column(values.begin() + begin, values.begin() + end);
      const Value fill = bound.get_or(1, Value::none());
      if (!fill.is(Kind::kNone) && i >= longer) {
        column.push_back(fill);
      }
      columns.push_back(rt.list(std::move(column)));
      begin = end;
    }
  }
  std::string error = rt.take_error();
  return rt.failed() ? Value::failed() : rt.generator(std::move(columns), std::move(error));
}

constexpr FilterEntry kFilters[] = {
    {"length", length},    {"count", length}, {"first", first},     {"last", last},
    {"list", list},        {"items", items},  {"reverse", reverse}, {"default", default_filter},
    {"d", default_filter}, {"batch", batch},  {"slice", slice},
};

}  // namespace

std::span<const FilterEntry> sequence_filters() {
  return kFilters;
}

}  // namespace dak::jinja
