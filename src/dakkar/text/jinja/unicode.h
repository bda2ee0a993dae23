#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dak::jinja {

/// A code point read from UTF-8 and the bytes it took. A byte that is not UTF-8 counts as one code
/// point, so that any bytes can be walked; its value is then 0xDC00 + byte.
struct Decoded {
  int32_t code_point = 0;
  int64_t bytes = 1;
};

/// Reads the code point that starts at `at`, which must be inside `text`.
Decoded decode_at(std::string_view text, int64_t at);

/// Appends `code_point` as UTF-8 (an escaped byte as that byte).
void append_utf8(std::string& out, int32_t code_point);

/// Counts code points.
int64_t count_code_points(std::string_view text);

/// Returns the byte offset of code point `index`; the length in bytes where there is none.
int64_t byte_offset(std::string_view text, int64_t index);

/// Appends the full upper, lower or title case of one code point, as Python's `str` methods map it
/// (the final sigma rule of `lower` needs context and is applied by the caller).
void append_upper(std::string& out, int32_t code_point);
void append_lower(std::string& out, int32_t code_point);
void append_title(std::string& out, int32_t code_point);

/// Classify a code point as Python's `str` predicates do.
bool is_space(int32_t code_point);
bool is_alpha(int32_t code_point);
bool is_decimal(int32_t code_point);
bool is_digit(int32_t code_point);
bool is_numeric(int32_t code_point);
bool is_upper(int32_t code_point);
bool is_lower(int32_t code_point);
bool is_title(int32_t code_point);
bool is_printable(int32_t code_point);
bool is_cased(int32_t code_point);
bool is_case_ignorable(int32_t code_point);
bool is_line_break(int32_t code_point);

/// Says whether `text` is an identifier: a letter or underscore, then letters, digits, marks.
bool is_identifier(std::string_view text);

/// Says whether a code point may start or continue an identifier.
bool is_identifier_start(int32_t code_point);
bool is_identifier_part(int32_t code_point);

}  // namespace dak::jinja
