#pragma once

#include <string_view>

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/runtime.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// `object.name`: an attribute or method of the Python type first, then the key of a dict, else
/// undefined. Names that begin with an underscore and methods that change their object give an
/// undefined whose use is an error, as in Jinja's immutable sandbox.
Value get_attribute(Runtime& rt, const Value& object, std::string_view name);

/// `object[key]`: the element first, then, for a string key, the attribute, else undefined.
Value get_item(Runtime& rt, const Value& object, const Value& key);

/// `object|attr(name)`: the attribute only, never a key.
Value get_only_attribute(Runtime& rt, const Value& object, std::string_view name);

/// `object[start:stop:step]`; absent bounds are none.
struct SliceBounds {
  Value start;
  Value stop;
  Value step;
};
Value get_slice(Runtime& rt, const Value& object, const SliceBounds& bounds);

/// Follows a dotted path such as `function.name` or `0.text` the way filters do.
Value get_path(Runtime& rt, const Value& object, const Value& path, const Value* fallback);

}  // namespace dak::jinja
