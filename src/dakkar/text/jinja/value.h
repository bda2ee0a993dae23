#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/text/jinja/marked_text.h"

namespace dak::jinja {

/// Names what a `Value` holds. `kFailed` stands for "an error was raised" and travels upwards
/// through the evaluator until the render ends; it is never stored.
enum class Kind : uint8_t {
  kFailed,
  kMissing,
  kUndefined,
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kList,
  kTuple,
  kDict,
  kView,
  kRange,
  kGenerator,
  kNamespace,
  kMacro,
  kFunction,
  kMethod,
  kLoop,
  kCycler,
  kJoiner,
};

/// Base of everything a `Heap` owns.
class Object {
 public:
  virtual ~Object() = default;

 protected:
  Object() = default;
  Object(const Object&) = default;
  Object& operator=(const Object&) = default;
};

class StringObject;
struct ListObject;
class DictObject;
struct ViewObject;
struct RangeObject;
struct GeneratorObject;
struct UndefinedObject;

/// A Python value: sixteen bytes, copied freely; what it points at belongs to a `Heap` that must
/// outlive it. `markup` marks a string that passed `safe` or `escape` (Python's `Markup`).
struct Value {
  Kind kind = Kind::kMissing;
  bool markup = false;
  union {
    bool boolean;
    int64_t integer = 0;
    double real;
    const Object* object;
  };

  static Value failed() { return of(Kind::kFailed); }
  static Value none() { return of(Kind::kNone); }
  static Value undefined() { return of(Kind::kUndefined); }
  static Value boolean_of(bool truth);
  static Value integer_of(int64_t number);
  static Value real_of(double number);
  static Value object_of(Kind kind, const Object* object);

  bool is(Kind wanted) const { return kind == wanted; }
  bool is_failed() const { return kind == Kind::kFailed; }
  bool is_undefined() const { return kind == Kind::kUndefined; }
  bool is_string() const { return kind == Kind::kString; }
  /// Integers and booleans, which Python counts as integers.
  bool is_integral() const { return kind == Kind::kInt || kind == Kind::kBool; }
  bool is_number() const { return is_integral() || kind == Kind::kFloat; }
  /// The integer of an integral value.
  int64_t as_integer() const { return kind == Kind::kBool ? (boolean ? 1 : 0) : integer; }
  /// Any number as a double.
  double as_real() const { return kind == Kind::kFloat ? real : static_cast<double>(as_integer()); }

  /// Look at the object; the kind must fit.
  const StringObject& string() const;
  const MarkedText& text() const;
  const std::string& bytes() const;
  const std::vector<Value>& items() const;  ///< of a list or tuple
  const DictObject& dict() const;           ///< of a dict or namespace
  template <typename T>
  const T& as() const {
    return static_cast<const T&>(*object);
  }

 private:
  static Value of(Kind kind) {
    Value value;
    value.kind = kind;
    return value;
  }
};

/// Orders hashable values so that equal ones (1, 1.0, true) are equivalent; used for dict keys.
struct KeyLess {
  bool operator()(const Value& a, const Value& b) const;
};

/// A string; either flat, or two halves joined lazily so that building a long text piece by piece
/// costs time in proportion to its length.
class StringObject final : public Object {
 public:
  explicit StringObject(MarkedText text);
  StringObject(const StringObject& left, const StringObject& right);

  /// Joins the halves when first asked. Not safe from two threads until `freeze` was called.
  const MarkedText& text() const;
  int64_t bytes_size() const { return size_; }
  int64_t code_points() const;
  /// Computes what is lazy, after which the string may be read from any thread.
  void freeze() const;

 private:
  mutable MarkedText text_;
  mutable const StringObject* left_ = nullptr;
  mutable const StringObject* right_ = nullptr;
  mutable int64_t code_points_ = -1;
  int64_t size_ = 0;
};

struct ListObject final : public Object {
  std::vector<Value> items;
  bool is_group = false;  ///< a tuple of `groupby`, whose parts are also `grouper` and `list`
};

/// A dict in insertion order, or a namespace. Looking up is logarithmic in its size.
class DictObject final : public Object {
 public:
  using Entry = std::pair<Value, Value>;
  const std::vector<Entry>& entries() const { return entries_; }
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  /// Returns the value of `key`, which must be hashable, or nullptr.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  /// Inserts or replaces; the first key's spelling and place stay, as in Python.
  void set(const Value& key, const Value& value);

 private:
  std::vector<Entry> entries_;
  std::map<Value, int64_t, KeyLess> index_;
};

enum class ViewPart : uint8_t { kKeys, kValues, kItems };

/// The result of `keys()`, `values()` or `items()`.
struct ViewObject final : public Object {
  const DictObject* dict = nullptr;
  ViewPart part = ViewPart::kKeys;
};

struct RangeObject final : public Object {
  int64_t start = 0;
  int64_t stop = 0;
  int64_t step = 1;
  int64_t length() const;
  int64_t at(int64_t index) const { return start + index * step; }
};

/// An iterator that can be walked once: computed at once, but an error of an element is raised only
/// when the walk reaches it, as Python's lazy generators do.
struct GeneratorObject final : public Object {
  std::vector<Value> items;
  std::string error;  ///< raised after the last item, when not empty
  mutable size_t next = 0;
};

/// Why something is undefined: the message of the error that using it raises.
struct UndefinedObject final : public Object {
  std::string message;
};

/// Owns the objects that values point at, and frees them all together.
class Heap {
 public:
  Heap() = default;
  Heap(Heap&&) = default;
  Heap& operator=(Heap&&) = default;

  template <typename T, typename... Args>
  T& make(Args&&... args) {
    auto owned = std::make_unique<T>(std::forward<Args>(args)...);
    T& made = *owned;
    objects_.push_back(std::move(owned));
    used_ += static_cast<int64_t>(sizeof(T)) + 32;
    return made;
  }

  Value string(MarkedText text);
  Value string(std::string_view bytes, Origin origin) {
    return string(MarkedText(std::string(bytes), origin));
  }
  Value list(std::vector<Value> items) { return sequence(Kind::kList, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(Kind::kTuple, std::move(items)); }
  Value undefined(std::string message);

  /// Bytes taken so far, roughly.
  int64_t used() const { return used_; }
  /// Counts bytes that an object took after it was made.
  void charge(int64_t bytes) { used_ += bytes; }

 private:
  Value sequence(Kind kind, std::vector<Value> items);

  std::vector<std::unique_ptr<Object>> objects_;
  int64_t used_ = 0;
};

}  // namespace dak::jinja
