#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dak::tok {

/// Properties of code points as `utf8proc` knows them (Unicode 14 on Debian 12).
[[nodiscard]] bool is_white_space(char32_t c);  ///< property White_Space
[[nodiscard]] bool is_number(char32_t c);       ///< categories Nd, Nl, No
[[nodiscard]] bool is_punctuation(char32_t c);  ///< categories P*, and all of ASCII's symbols
[[nodiscard]] bool is_mark(char32_t c);         ///< categories M*

/// Appends the lower case of `c`, which may be two characters.
void append_lower(char32_t c, std::string& out);

/// One of Unicode's four normal forms (Unicode Standard Annex 15).
enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// Appends the normal form of `text` (valid UTF-8) to `out`. Linear but for the sorting of long
/// runs of combining marks, which is n log n.
void append_normal_form(std::string_view text, NormalForm form, std::string& out);

/// Whether normalising a text may be cut before `c`: what stands before never combines with it.
[[nodiscard]] bool starts_normal_segment(char32_t c);

}  // namespace dak::tok
