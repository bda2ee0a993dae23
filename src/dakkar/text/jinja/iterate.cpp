#include "dakkar/text/jinja/iterate.h"

#include <fmt/core.h>

#include "dakkar/text/jinja/operators.h"
#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {

bool is_iterable(const Value& value) {
  return value.is(Kind::kGenerator) || length_of(value).has_value();
}

std::optional<int64_t> length_of(const Value& value) {
  if (value.is_undefined()) {
    return 0;
  }
  if (value.is_string()) {
    return value.string().code_points();
  }
  if (value.is(Kind::kList) || value.is(Kind::kTuple)) {
    return static_cast<int64_t>(value.items().size());
  }
  if (value.is(Kind::kDict)) {
    return value.dict().size();
  }
  if (value.is(Kind::kView)) {
    return value.as<ViewObject>().dict->size();
  }
  if (value.is(Kind::kRange)) {
    return value.as<RangeObject>().length();
  }
  return std::nullopt;
}

Iterator::Iterator(Runtime& rt, const Value& source) : rt_(&rt), source_(source) {
  if (!is_iterable(source) && !source.is_failed()) {
    rt.raise(fmt::format("'{}' object is not iterable", type_name(source)));
  }
}

Value view_item(Runtime& rt, const DictObject::Entry& entry, ViewPart part) {
  switch (part) {
    case ViewPart::kKeys:
      return entry.first;
    case ViewPart::kValues:
      return entry.second;
    case ViewPart::kItems:
      return rt.tuple({entry.first, entry.second});
  }
  return Value::failed();
}

bool Iterator::next(Value& out) {
  if (rt_->failed() || !rt_->spend(1)) {
    return false;
  }
  return item_at(out) && !out.is_failed();
}

bool Iterator::item_at(Value& out) {
  const auto take = [&](const auto& items) {
    if (at_ >= static_cast<int64_t>(items.size())) {
      return false;
    }
    out = items[static_cast<size_t>(at_++)];
    return true;
  };
  if (source_.is(Kind::kList) || source_.is(Kind::kTuple)) {
    return take(source_.items());
  }
  if (source_.is(Kind::kString)) {
    const std::string& bytes = source_.bytes();
    if (at_ >= static_cast<int64_t>(bytes.size())) {
      return false;
    }
    const int64_t begin = at_;
    at_ += decode_at(bytes, at_).bytes;
    out = rt_->text(source_.text().slice(begin, at_));
    return true;
  }
  if (source_.is(Kind::kDict) || source_.is(Kind::kView)) {
    const bool is_view = source_.is(Kind::kView);
    const DictObject& dict = is_view ? *source_.as<ViewObject>().dict : source_.dict();
    if (at_ >= dict.size()) {
      return false;
    }
    const auto& entry = dict.entries()[static_cast<size_t>(at_++)];
    out = view_item(*rt_, entry, is_view ? source_.as<ViewObject>().part : ViewPart::kKeys);
    return true;
  }
  if (source_.is(Kind::kRange)) {
    const auto& range = source_.as<RangeObject>();
    if (at_ >= range.length()) {
      return false;
    }
    out = Value::integer_of(range.at(at_++));
    return true;
  }
  if (source_.is(Kind::kGenerator)) {
    const auto& generator = source_.as<GeneratorObject>();
    if (generator.next < generator.items.size()) {
      out = generator.items[generator.next++];
      return true;
    }
    if (!generator.error.empty()) {
      rt_->raise_exception(generator.error);
    }
  }
  return false;
}

std::vector<Value> collect(Runtime& rt, const Value& source) {
  std::vector<Value> items;
  Iterator walk(rt, source);
  Value item;
  while (walk.next(item)) {
    items.push_back(item);
  }
  if (rt.failed() || !rt.room_for(static_cast<int64_t>(items.size()) * 16)) {
    items.clear();
  }
  return items;
}

}  // namespace dak::jinja
