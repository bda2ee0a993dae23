#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "dakkar/text/output/tool_set.h"

namespace dak {

/// A value that a model wrote as plain text, as JSON of the first allowed type that it fits
/// (spec/serving.md 9.3): null and None where null is allowed; digits for an integer, 5.0 too; a
/// number's own digits; objects and arrays in JSON or as Python literals, also inside of a JSON
/// string. What fits nothing is a string, unchanged.
[[nodiscard]] std::string value_to_json(std::string_view text, const ValueTypes& types);

/// A Python literal (dicts with string keys, lists, tuples, strings, numbers, True, False, None) as
/// JSON; nothing when `text` is none. Nesting is bounded.
[[nodiscard]] std::optional<std::string> python_literal_to_json(std::string_view text);

/// JSON with `", "` and `": "` between its parts, numbers as short as they read back.
[[nodiscard]] std::string spaced_json(const rapidjson::Value& value);

/// `text` as the inside of a JSON string, without quotes.
[[nodiscard]] std::string json_inner(std::string_view text);

}  // namespace dak
