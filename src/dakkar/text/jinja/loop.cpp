#include "dakkar/text/jinja/loop.h"

#include <algorithm>

#include "dakkar/text/jinja/operators.h"

namespace dak::jinja {

bool LoopObject::pull(Value& out) {
  if (!drained_.empty()) {
    out = drained_.front();
    drained_.pop_front();
    return true;
  }
  return source_ != nullptr && source_->next(out);
}

bool LoopObject::next(Value& out) {
  if (after_) {
    out = *after_;
    after_.reset();
  } else if (!pull(out)) {
    return false;
  }
  ++index0_;
  before_ = current_;
  current_ = out;
  return true;
}

bool LoopObject::peek() {
  Value value;
  if (!after_ && pull(value)) {
    after_ = value;
  }
  return after_.has_value();
}

int64_t LoopObject::length() {
  if (length_) {
    return *length_;
  }
  length_ = source_ == nullptr ? std::nullopt : source_->length();
  if (!length_) {
    Value value;
    std::deque<Value> rest;
    while (pull(value)) {
      rest.push_back(value);
    }
    drained_ = std::move(rest);
    length_ = static_cast<int64_t>(drained_.size()) + index0_ + 1 + (after_ ? 1 : 0);
  }
  return *length_;
}

Value LoopObject::attribute(Runtime& rt, std::string_view name) {
  if (name == "index0") {
    return Value::integer_of(index0_);
  }
  if (name == "index") {
    return Value::integer_of(index0_ + 1);
  }
  if (name == "first") {
    return Value::boolean_of(index0_ == 0);
  }
  if (name == "last") {
    return Value::boolean_of(!peek());
  }
  if (name == "length") {
    return Value::integer_of(length());
  }
  if (name == "revindex") {
    return Value::integer_of(length() - index0_);
  }
  if (name == "revindex0") {
    return Value::integer_of(length() - index0_ - 1);
  }
  if (name == "depth" || name == "depth0") {
    return Value::integer_of(depth0 + (name == "depth" ? 1 : 0));
  }
  if (name == "previtem") {
    return index0_ == 0 ? rt.undefined("there is no previous item") : before_;
  }
  if (name == "nextitem") {
    return peek() ? *after_ : rt.undefined("there is no next item");
  }
  return {};
}

Value LoopObject::cycle(Runtime& rt, const std::vector<Value>& values) const {
  if (values.empty()) {
    return rt.raise("no items for cycling given");
  }
  const auto index = static_cast<size_t>(std::max<int64_t>(index0_, 0));
  return values[index % values.size()];
}

bool LoopObject::changed(Runtime& rt, const std::vector<Value>& values) {
  const bool same = last_changed_ && last_changed_->size() == values.size() &&
                    std::equal(values.begin(), values.end(), last_changed_->begin(),
                               [&](const Value& a, const Value& b) { return equals(rt, a, b); });
  if (!same) {
    last_changed_ = values;
  }
  return !same;
}

}  // namespace dak::jinja
