#pragma once

#include <string>

#include "dakkar/api/field_reader.h"
#include "dakkar/text/output/tool_set.h"

namespace dak {

/// The functions that a request offers to the model.
struct OfferedTools {
  std::string json;  ///< the array for the chat template; empty without tools
  ToolSet set;       ///< what replies are searched for; empty when no call is wanted
};

/// Reads `tools` and `tool_choice` (spec/serving.md 3.1, 3.2). An empty array is none. Members that
/// are null, `defer_loading` and a `strict` that is not true are left out, since templates print
/// whatever is there.
///
/// Notes errors in `fields`: a tool that is no function or has no name; a choice other than auto or
/// none, which this server cannot force yet.
[[nodiscard]] OfferedTools read_tools(FieldReader& fields);

}  // namespace dak
