#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/api/field_reader.h"

namespace dak {

/// The two routes whose bodies share most of their fields.
enum class OpenAiRoute { kChat, kCompletions };

/// Checks every member of a body against the table of fields of spec/serving.md 3.1.
///
/// A field whose feature this build does not have is an error that names it, unless its value asks
/// for nothing (null, false, an empty list, the feature's own default). Fields that only other
/// servers act on pass. Gives the names that nobody knows.
[[nodiscard]] Result<std::vector<std::string>> check_known_fields(const JsonView& body,
                                                                  OpenAiRoute route);

}  // namespace dak
