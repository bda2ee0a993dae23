#pragma once

#include <rapidjson/document.h>

#include "dakkar/base/error.h"
#include "dakkar/text/jinja/value.h"

namespace dak::jinja {

/// Builds a template value from parsed JSON; every string in it, keys included, has `origin`.
/// Of duplicate keys the last counts.
///
/// Errors: kInvalidArgument for nesting beyond 128 levels or an integer beyond 63 bits.
Result<Value> value_from_json(Heap& heap, const rapidjson::Value& json, Origin origin);

}  // namespace dak::jinja
