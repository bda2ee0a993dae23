#pragma once

#include "dakkar/text/jinja/builtins.h"
#include "dakkar/text/jinja/runtime.h"

namespace dak::jinja {

/// The filter `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)` as
/// transformers defines it: Python's `json.dumps`, no HTML escaping. Text keeps its origin.
Value to_json(Runtime& rt, const Value& self, const Arguments& args);

}  // namespace dak::jinja
