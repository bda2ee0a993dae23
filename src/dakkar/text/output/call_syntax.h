#pragma once

#include "dakkar/text/output/tag_text.h"

namespace dak {

/// Whether `</function>` stands there and the structure goes on behind it: `</tool_call>`, another
/// call, or the end of the output. The length covers `</function>`.
[[nodiscard]] Match function_ends(const TagText& text, size_t ahead);

/// Whether `</parameter>`, or a mangled form that is followed at once by the structure, closes a
/// value there. The length covers the closing tag.
[[nodiscard]] Match parameter_ends(const TagText& text, size_t ahead);

/// Whether `</tool_call>` stands there as the last thing of the output.
[[nodiscard]] Match output_ends_with_call(const TagText& text, size_t ahead);

/// A letter of a function's name.
[[nodiscard]] bool is_name_byte(char byte);

}  // namespace dak
