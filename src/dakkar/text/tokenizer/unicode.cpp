#include "dakkar/text/tokenizer/unicode.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <utf8proc.h>

#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

constexpr char32_t kDottedCapitalI = 0x130;
constexpr char32_t kCombiningDotAbove = 0x307;

utf8proc_category_t category_of(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

uint32_t combining_class(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

void append_decomposed(char32_t c, NormalForm form, std::vector<utf8proc_int32_t>& out) {
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
  // The longest decomposition, U+FDFA's, has 18 characters.
  std::array<utf8proc_int32_t, 32> parts{};
  int boundary = 0;
  const utf8proc_ssize_t count =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                              static_cast<utf8proc_ssize_t>(parts.size()), options, &boundary);
  out.insert(out.end(), parts.begin(), parts.begin() + std::max<utf8proc_ssize_t>(count, 0));
}

/// Sorts each run of combining marks by class, keeping the order inside a class.
void order_marks(std::vector<utf8proc_int32_t>& text) {
  std::vector<std::pair<uint64_t, utf8proc_int32_t>> run;  // class and place, then the mark
  auto begin = text.begin();
  while (begin != text.end()) {
    begin = std::find_if(begin, text.end(), [](auto c) { return combining_class(c) != 0; });
    const auto end =
        std::find_if(begin, text.end(), [](auto c) { return combining_class(c) == 0; });
    run.clear();
    for (auto mark = begin; mark != end; ++mark) {
      run.emplace_back(uint64_t{combining_class(*mark)} << 32 | run.size(), *mark);
    }
    std::sort(run.begin(), run.end());
    std::transform(run.begin(), run.end(), begin, [](const auto& mark) { return mark.second; });
    begin = end;
  }
}

bool is_plain_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_number(char32_t c) {
  const utf8proc_category_t category = category_of(c);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    return c > 0x20 && c < 0x7F && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
           !(c >= 'a' && c <= 'z');
  }
  const utf8proc_category_t category = category_of(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool is_mark(char32_t c) {
  const utf8proc_category_t category = category_of(c);
  return category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME;
}

void append_lower(char32_t c, std::string& out) {
  if (c == kDottedCapitalI) {
    append_utf8('i', out);
    append_utf8(kCombiningDotAbove, out);
    return;
  }
  append_utf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
}

void append_normal_form(std::string_view text, NormalForm form, std::string& out) {
  if (is_plain_ascii(text)) {
    out.append(text);
    return;
  }
  std::vector<utf8proc_int32_t> parts;
  parts.reserve(text.size());
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    append_decomposed(c.value, form, parts);
    text.remove_prefix(static_cast<size_t>(c.size));
  }
  order_marks(parts);
  auto count = static_cast<utf8proc_ssize_t>(parts.size());
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) {
    const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    count = utf8proc_normalize_utf32(parts.data(), count, options);
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    append_utf8(static_cast<char32_t>(parts[static_cast<size_t>(i)]), out);
  }
}

bool starts_normal_segment(char32_t c) {
  return c < 0x300 || (c >= 0x370 && c < 0x483) || (c >= 0x3041 && c < 0x3097) ||
         (c >= 0x30A1 && c < 0x30FB) || (c >= 0x4E00 && c < 0xA000) ||
         (c >= 0xAC00 && c < 0xD7A4) || (c >= 0x2010 && c < 0x2028);
}

}  // namespace dak::tok
