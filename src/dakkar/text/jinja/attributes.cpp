#include "dakkar/text/jinja/attributes.h"

#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/jinja/iterate.h"
#include "dakkar/text/jinja/loop.h"
#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/python_repr.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

std::string object_name(const Value& value) {
  return value.is(Kind::kNone) ? "None" : type_name(value) + " object";
}

Value no_attribute(Runtime& rt, const Value& object, std::string_view name) {
  return rt.undefined(fmt::format("'{}' has no attribute '{}'", object_name(object), name));
}

Value unsafe(Runtime& rt, const Value& object, std::string_view name) {
  return rt.undefined(
      fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, type_name(object)));
}

bool is_dunder(std::string_view name) {
  return name.size() > 4 && name.substr(0, 2) == "__" && name.substr(name.size() - 2) == "__";
}

// Special attributes that every Python object has, an undefined one too.
bool is_universal(std::string_view name) {
  static constexpr std::string_view kNames[] = {"__class__", "__dir__",  "__doc__",  "__eq__",
                                                "__hash__",  "__init__", "__iter__", "__len__",
                                                "__repr__",  "__str__"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

Value number_attribute(const Value& object, std::string_view name) {
  const bool integral = object.is_integral();
  if (name == "real") {
    return integral ? Value::integer_of(object.as_integer()) : object;
  }
  if (name == "imag") {
    return integral ? Value::integer_of(0) : Value::real_of(0.0);
  }
  if (integral && name == "numerator") {
    return Value::integer_of(object.as_integer());
  }
  return integral && name == "denominator" ? Value::integer_of(1) : Value{};
}

// Attributes that are no methods; missing when there is none.
Value plain_attribute(Runtime& rt, const Value& object, std::string_view name) {
  if (object.is_number()) {
    return number_attribute(object, name);
  }
  if (object.is(Kind::kNamespace)) {
    const Value* found = object.dict().find(name);
    return found == nullptr ? Value{} : *found;
  }
  if (object.is(Kind::kLoop)) {
    return mutable_object<LoopObject>(object).attribute(rt, name);
  }
  if (object.is(Kind::kRange) && (name == "start" || name == "stop" || name == "step")) {
    const auto& range = object.as<RangeObject>();
    return Value::integer_of(name == "start" ? range.start
                                             : (name == "stop" ? range.stop : range.step));
  }
  if (object.is(Kind::kTuple) && object.as<ListObject>().is_group) {
    const bool part = name == "grouper" || name == "list";
    return part ? object.items()[name == "grouper" ? 0 : 1] : Value{};
  }
  if (object.is(Kind::kCycler) && name == "current") {
    const auto& cycler = object.as<CyclerObject>();
    return cycler.items[cycler.at];
  }
  return {};
}

// Attribute or method of the Python object; missing when there is none.
Value python_attribute(Runtime& rt, const Value& object, std::string_view name) {
  if (is_dunder(name)) {
    return unsafe(rt, object, name);
  }
  const Value plain = plain_attribute(rt, object, name);
  if (!plain.is(Kind::kMissing)) {
    return plain;
  }
  const MethodEntry* entry = find_method(object, name);
  if (entry == nullptr) {
    return {};
  }
  if (entry->access == MethodAccess::kMutates) {
    return unsafe(rt, object, name);
  }
  if (entry->access == MethodAccess::kUnsupported) {
    return rt.undefined(
        fmt::format("method '{}' of '{}' objects is not supported", name, type_name(object)));
  }
  if (!rt.room_for(64)) {
    return Value::failed();
  }
  auto& method = rt.heap().make<MethodObject>();
  method.self = object;
  method.entry = entry;
  return Value::object_of(Kind::kMethod, &method);
}

bool in_range(int64_t index, int64_t size) {
  return index >= -size && index < size;
}

// The element at `key`; missing where Python raises a TypeError or LookupError.
Value element(Runtime& rt, const Value& object, const Value& key) {
  if (object.is(Kind::kDict)) {
    const bool hashable = check_hashable(rt, key);
    if (!hashable) {
      (void)rt.take_error();
    }
    const Value* found = hashable ? object.dict().find(key) : nullptr;
    return found == nullptr ? Value{} : *found;
  }
  const bool indexable = object.is_string() || object.is(Kind::kList) || object.is(Kind::kTuple) ||
                         object.is(Kind::kRange);
  if (!indexable || !key.is_integral()) {
    return {};
  }
  const int64_t size = *length_of(object);
  int64_t index = key.as_integer();
  if (!in_range(index, size)) {
    return {};
  }
  index += index < 0 ? size : 0;
  if (object.is(Kind::kRange)) {
    return Value::integer_of(object.as<RangeObject>().at(index));
  }
  if (!object.is_string()) {
    return object.items()[static_cast<size_t>(index)];
  }
  const std::string& bytes = object.bytes();
  const bool ascii = size == static_cast<int64_t>(bytes.size());
  rt.spend(ascii ? 0 : index / 64);
  const int64_t begin = ascii ? index : byte_offset(bytes, index);
  Value made = rt.text(object.text().slice(begin, begin + decode_at(bytes, begin).bytes));
  made.markup = object.markup;
  return made;
}

bool read_bound(Runtime& rt, const Value& value, std::optional<int64_t>& out) {
  if (value.is(Kind::kMissing) || value.is(Kind::kNone)) {
    return true;
  }
  if (!value.is_integral()) {
    rt.raise("slice indices must be integers or None or have an __index__ method");
    return false;
  }
  out = value.as_integer();
  return true;
}

// Python's rules for turning bounds into a first index, an end and a step.
struct Range {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
};

bool resolve(Runtime& rt, const SliceBounds& bounds, int64_t size, Range& out) {
  std::optional<int64_t> start;
  std::optional<int64_t> stop;
  std::optional<int64_t> step;
  if (!read_bound(rt, bounds.start, start) || !read_bound(rt, bounds.stop, stop) ||
      !read_bound(rt, bounds.step, step)) {
    return false;
  }
  out.step = std::max(step.value_or(1), -INT64_MAX);
  if (out.step == 0) {
    rt.raise("slice step cannot be zero");
    return false;
  }
  const bool back = out.step < 0;
  const int64_t low = back ? -1 : 0;
  const int64_t high = back ? size - 1 : size;
  const auto clamp = [&](int64_t index) {
    if (index < 0) {
      return std::max(index + size, low);
    }
    return std::min(index, high);
  };
  out.start = start ? clamp(*start) : (back ? high : low);
  out.stop = stop ? clamp(*stop) : (back ? low : high);
  return true;
}

Value slice_string(Runtime& rt, const Value& object, const RangeObject& range) {
  const std::string& bytes = object.bytes();
  const MarkedText& text = object.text();
  const int64_t count = range.length();
  const bool ascii = object.string().code_points() == static_cast<int64_t>(bytes.size());
  MarkedText out;
  if (count > 0 && range.step == 1) {
    const int64_t begin = ascii ? range.start : byte_offset(bytes, range.start);
    const std::string_view rest = std::string_view(bytes).substr(static_cast<size_t>(begin));
    out = text.slice(begin, begin + (ascii ? count : byte_offset(rest, count)));
  } else if (count > 0) {
    std::vector<int64_t> offsets;
    for (int64_t at = 0; at < text.size(); at += decode_at(bytes, at).bytes) {
      offsets.push_back(at);
    }
    offsets.push_back(text.size());
    for (int64_t i = 0; i < count; ++i) {
      const auto index = static_cast<size_t>(range.at(i));
      out.append(text, offsets[index], offsets[index + 1]);
    }
  }
  Value made = rt.text(std::move(out));
  made.markup = object.markup;
  return made;
}

}  // namespace

Value get_attribute(Runtime& rt, const Value& object, std::string_view name) {
  if (object.is_undefined() && !is_universal(name)) {
    return raise_undefined(rt, object);
  }
  const Value attribute = python_attribute(rt, object, name);
  if (!attribute.is(Kind::kMissing)) {
    return attribute;
  }
  if (object.is(Kind::kDict)) {
    const Value* found = object.dict().find(name);
    if (found != nullptr) {
      return *found;
    }
  }
  return no_attribute(rt, object, name);
}

Value get_only_attribute(Runtime& rt, const Value& object, std::string_view name) {
  if (object.is_undefined()) {
    return raise_undefined(rt, object);
  }
  const Value attribute = python_attribute(rt, object, name);
  return attribute.is(Kind::kMissing) ? no_attribute(rt, object, name) : attribute;
}

Value get_item(Runtime& rt, const Value& object, const Value& key) {
  if (object.is_undefined()) {
    return raise_undefined(rt, object);
  }
  const Value found = element(rt, object, key);
  if (!found.is(Kind::kMissing)) {
    return found;
  }
  if (key.is_string()) {
    const Value attribute = python_attribute(rt, object, key.bytes());
    return attribute.is(Kind::kMissing) ? no_attribute(rt, object, key.bytes()) : attribute;
  }
  MarkedText shown;
  append_repr(rt, shown, key);
  return rt.undefined(fmt::format("{} has no element {}", object_name(object), shown.bytes()));
}

Value get_slice(Runtime& rt, const Value& object, const SliceBounds& bounds) {
  if (object.is_undefined()) {
    return raise_undefined(rt, object);
  }
  const bool sliceable = object.is_string() || object.is(Kind::kList) || object.is(Kind::kTuple) ||
                         object.is(Kind::kRange);
  if (!sliceable) {
    return rt.raise(fmt::format("'{}' object is not subscriptable", type_name(object)));
  }
  Range range;
  const int64_t size = *length_of(object);
  if (!resolve(rt, bounds, size, range)) {
    return Value::failed();
  }
  RangeObject picked;
  picked.start = range.start;
  picked.stop = range.stop;
  picked.step = range.step;
  rt.spend(picked.length() / 16);
  if (object.is_string()) {
    return slice_string(rt, object, picked);
  }
  if (object.is(Kind::kRange)) {
    const auto& base = object.as<RangeObject>();
    auto& made = rt.heap().make<RangeObject>();
    made.start = base.start + range.start * base.step;
    made.stop = base.start + range.stop * base.step;
    made.step = base.step * range.step;
    return Value::object_of(Kind::kRange, &made);
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < picked.length(); ++i) {
    items.push_back(object.items()[static_cast<size_t>(picked.at(i))]);
  }
  return object.is(Kind::kList) ? rt.list(std::move(items)) : rt.tuple(std::move(items));
}

Value get_path(Runtime& rt, const Value& object, const Value& path, const Value* fallback) {
  if (path.is(Kind::kNone) || path.is(Kind::kMissing)) {
    return object;
  }
  if (!path.is_string()) {
    const Value item = get_item(rt, object, path);
    return fallback != nullptr && item.is_undefined() ? *fallback : item;
  }
  Value item = object;
  const std::string& text = path.bytes();
  for (size_t at = 0; at <= text.size() && !item.is_failed();) {
    const size_t dot = std::min(text.find('.', at), text.size());
    const std::string part = text.substr(at, dot - at);
    const bool digits = !part.empty() && part.size() < 10 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    item = get_item(
        rt, item, digits ? Value::integer_of(std::stoll(part)) : rt.text(part, Origin::kTemplate));
    if (fallback != nullptr && item.is_undefined()) {
      item = *fallback;
    }
    at = dot + 1;
  }
  return item;
}

}  // namespace dak::jinja
