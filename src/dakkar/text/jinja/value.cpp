#include "dakkar/text/jinja/value.h"

#include <cmath>

#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

constexpr int64_t kIndexFrom = 12;  // below this a walk is faster than an index

int key_class(const Value& key) {
  if (key.is(Kind::kNone)) {
    return 0;
  }
  if (key.is_number()) {
    return 1;
  }
  if (key.is_string()) {
    return 2;
  }
  return key.is(Kind::kTuple) ? 3 : 4;
}

int compare_numbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) {
    const int64_t x = a.as_integer();
    const int64_t y = b.as_integer();
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  const auto x = static_cast<long double>(a.is_integral() ? a.as_integer() : 0);
  const auto y = static_cast<long double>(b.is_integral() ? b.as_integer() : 0);
  const long double left = a.is_integral() ? x : static_cast<long double>(a.real);
  const long double right = b.is_integral() ? y : static_cast<long double>(b.real);
  if (std::isnan(left) || std::isnan(right)) {
    return (std::isnan(left) ? 0 : 1) - (std::isnan(right) ? 0 : 1);
  }
  return left < right ? -1 : (left > right ? 1 : 0);
}

int compare_keys(const Value& a, const Value& b) {
  const int left = key_class(a);
  const int right = key_class(b);
  if (left != right) {
    return left < right ? -1 : 1;
  }
  if (left == 0) {
    return 0;
  }
  if (left == 1) {
    return compare_numbers(a, b);
  }
  if (left == 2) {
    return a.bytes().compare(b.bytes());
  }
  if (left == 4) {
    return a.object < b.object ? -1 : (a.object > b.object ? 1 : 0);
  }
  const auto& x = a.items();
  const auto& y = b.items();
  for (size_t i = 0; i < x.size() && i < y.size(); ++i) {
    const int order = compare_keys(x[i], y[i]);
    if (order != 0) {
      return order;
    }
  }
  return x.size() < y.size() ? -1 : (x.size() > y.size() ? 1 : 0);
}

}  // namespace

Value Value::boolean_of(bool truth) {
  Value value = of(Kind::kBool);
  value.integer = 0;
  value.boolean = truth;
  return value;
}

Value Value::integer_of(int64_t number) {
  Value value = of(Kind::kInt);
  value.integer = number;
  return value;
}

Value Value::real_of(double number) {
  Value value = of(Kind::kFloat);
  value.real = number;
  return value;
}

Value Value::object_of(Kind kind, const Object* object) {
  Value value = of(kind);
  value.object = object;
  return value;
}

const StringObject& Value::string() const {
  return as<StringObject>();
}
const MarkedText& Value::text() const {
  return string().text();
}
const std::string& Value::bytes() const {
  return text().bytes();
}
const std::vector<Value>& Value::items() const {
  return as<ListObject>().items;
}
const DictObject& Value::dict() const {
  return as<DictObject>();
}

bool KeyLess::operator()(const Value& a, const Value& b) const {
  return compare_keys(a, b) < 0;
}

StringObject::StringObject(MarkedText text) : text_(std::move(text)), size_(text_.size()) {}

StringObject::StringObject(const StringObject& left, const StringObject& right)
    : left_(&left), right_(&right), size_(left.size_ + right.size_) {}

const MarkedText& StringObject::text() const {
  if (left_ == nullptr) {
    return text_;
  }
  MarkedText joined;
  joined.reserve(size_);
  std::vector<const StringObject*> pending{this};
  while (!pending.empty()) {
    const StringObject* part = pending.back();
    pending.pop_back();
    if (part->left_ == nullptr) {
      joined.append(part->text_);
      continue;
    }
    pending.push_back(part->right_);
    pending.push_back(part->left_);
  }
  text_ = std::move(joined);
  left_ = nullptr;
  right_ = nullptr;
  return text_;
}

int64_t StringObject::code_points() const {
  if (code_points_ < 0) {
    code_points_ = count_code_points(text().bytes());
  }
  return code_points_;
}

void StringObject::freeze() const {
  static_cast<void>(code_points());
}

const Value* DictObject::find(const Value& key) const {
  if (size() < kIndexFrom) {
    for (const Entry& entry : entries_) {
      if (compare_keys(entry.first, key) == 0) {
        return &entry.second;
      }
    }
    return nullptr;
  }
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &entries_[static_cast<size_t>(found->second)].second;
}

const Value* DictObject::find(std::string_view key) const {
  if (size() < kIndexFrom) {
    for (const Entry& entry : entries_) {
      if (entry.first.is_string() && entry.first.bytes() == key) {
        return &entry.second;
      }
    }
    return nullptr;
  }
  const StringObject probe{MarkedText(std::string(key), Origin::kTemplate)};
  return find(Value::object_of(Kind::kString, &probe));
}

void DictObject::set(const Value& key, const Value& value) {
  if (const Value* found = find(key); found != nullptr) {
    *const_cast<Value*>(found) = value;
    return;
  }
  entries_.emplace_back(key, value);
  if (size() < kIndexFrom) {
    return;
  }
  if (size() == kIndexFrom) {
    for (size_t i = 0; i + 1 < entries_.size(); ++i) {
      index_.emplace(entries_[i].first, static_cast<int64_t>(i));
    }
  }
  index_.emplace(key, size() - 1);
}

int64_t RangeObject::length() const {
  const auto from = static_cast<uint64_t>(start);
  const auto to = static_cast<uint64_t>(stop);
  const auto stride = static_cast<uint64_t>(step);
  if (step > 0) {
    return start < stop ? static_cast<int64_t>((to - from - 1) / stride + 1) : 0;
  }
  return start > stop ? static_cast<int64_t>((from - to - 1) / (0 - stride) + 1) : 0;
}

Value Heap::string(MarkedText text) {
  charge(text.size());
  return Value::object_of(Kind::kString, &make<StringObject>(std::move(text)));
}

Value Heap::sequence(Kind kind, std::vector<Value> items) {
  charge(static_cast<int64_t>(items.size() * sizeof(Value)));
  auto& list = make<ListObject>();
  list.items = std::move(items);
  return Value::object_of(kind, &list);
}

Value Heap::undefined(std::string message) {
  charge(static_cast<int64_t>(message.size()));
  auto& why = make<UndefinedObject>();
  why.message = std::move(message);
  return Value::object_of(Kind::kUndefined, &why);
}

}  // namespace dak::jinja
