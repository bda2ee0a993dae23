#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dak::tok {

/// What stands at the beginning of a byte string.
struct Utf8Unit {
  enum class Kind {
    kValid,       ///< a code point
    kInvalid,     ///< a maximal part that can begin no code point: one U+FFFD
    kIncomplete,  ///< all that is left, and more bytes could complete it
  };
  Kind kind = Kind::kInvalid;
  int64_t size = 0;         ///< bytes it takes, >= 1
  char32_t code_point = 0;  ///< for `kValid`
};

/// Reads the first unit of `text`, which must not be empty. Invalid input is cut as Python's
/// `errors='replace'` and Unicode's "maximal subpart" practice cut it.
[[nodiscard]] Utf8Unit first_unit(std::string_view text);

/// Reads the code point that starts at `text[0]`; `text` is valid UTF-8 and not empty.
struct CodePoint {
  char32_t value;
  int64_t size;
};
[[nodiscard]] CodePoint first_code_point(std::string_view text);

/// Appends `code_point`, a Unicode scalar value.
void append_utf8(char32_t code_point, std::string& out);

/// Whether all of `text` is valid UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

/// Appends `text` with each invalid part replaced by U+FFFD.
void append_lossy(std::string_view text, std::string& out);

/// Turns bytes that arrive in pieces into whole code points, invalid parts into U+FFFD.
class Utf8Assembler final {
 public:
  /// Takes bytes; appends what is certain to `out`.
  void push(std::string_view bytes, std::string& out);

  /// Ends the text: an unfinished code point becomes U+FFFD.
  void finish(std::string& out);

 private:
  std::string pending_;  // the beginning of a code point, at most three bytes between calls
};

}  // namespace dak::tok
