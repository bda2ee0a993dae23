#include "dakkar/text/jinja/unicode.h"

#include <algorithm>
#include <iterator>

#include <utf8proc.h>

#include "dakkar/text/jinja/case_tables.h"

namespace dak::jinja {
namespace {

constexpr int32_t kEscapedByte = 0xDC00;

int64_t sequence_length(uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) {
    return 2;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    return 3;
  }
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 1;
}

bool in_ranges(int32_t code_point, const tables::Range* begin, const tables::Range* end) {
  return std::any_of(begin, end, [code_point](const tables::Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

const tables::FullCase* find_case(int32_t code_point, const tables::FullCase* begin,
                                  const tables::FullCase* end) {
  const auto* found =
      std::lower_bound(begin, end, code_point,
                       [](const tables::FullCase& row, int32_t from) { return row.from < from; });
  return found != end && found->from == code_point ? found : nullptr;
}

void append_full(std::string& out, const tables::FullCase& row) {
  for (const int32_t to : row.to) {
    if (to != 0) {
      append_utf8(out, to);
    }
  }
}

utf8proc_category_t category(int32_t code_point) {
  return utf8proc_category(code_point);
}

}  // namespace

Decoded decode_at(std::string_view text, int64_t at) {
  const auto byte = [&](int64_t offset) {
    return static_cast<uint8_t>(text[static_cast<size_t>(at + offset)]);
  };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    return {.code_point = lead, .bytes = 1};
  }
  const int64_t length = sequence_length(lead);
  const Decoded broken{.code_point = kEscapedByte + lead, .bytes = 1};
  if (length == 1 || at + length > static_cast<int64_t>(text.size())) {
    return broken;
  }
  int32_t code_point = lead & (0xFF >> (length + 1));
  for (int64_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return broken;
    }
    code_point = (code_point << 6) | (byte(i) & 0x3F);
  }
  const bool overlong =
      (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (overlong || surrogate || code_point > 0x10FFFF) {
    return broken;
  }
  return {.code_point = code_point, .bytes = length};
}

void append_utf8(std::string& out, int32_t code_point) {
  if (code_point >= kEscapedByte && code_point <= kEscapedByte + 0xFF) {
    out.push_back(static_cast<char>(code_point - kEscapedByte));
    return;
  }
  utf8proc_uint8_t buffer[4];
  const utf8proc_ssize_t length = utf8proc_encode_char(code_point, buffer);
  out.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(length));
}

int64_t count_code_points(std::string_view text) {
  int64_t count = 0;
  for (int64_t at = 0; at < static_cast<int64_t>(text.size()); ++count) {
    at += decode_at(text, at).bytes;
  }
  return count;
}

int64_t byte_offset(std::string_view text, int64_t index) {
  int64_t at = 0;
  while (index > 0 && at < static_cast<int64_t>(text.size())) {
    at += decode_at(text, at).bytes;
    --index;
  }
  return at;
}

void append_upper(std::string& out, int32_t code_point) {
  const auto* full =
      find_case(code_point, std::begin(tables::kFullUpper), std::end(tables::kFullUpper));
  if (full != nullptr) {
    append_full(out, *full);
    return;
  }
  append_utf8(out, utf8proc_toupper(code_point));
}

void append_lower(std::string& out, int32_t code_point) {
  if (code_point == 0x130) {
    out += "i\u0307";
    return;
  }
  append_utf8(out, utf8proc_tolower(code_point));
}

void append_title(std::string& out, int32_t code_point) {
  const auto* full =
      find_case(code_point, std::begin(tables::kFullTitle), std::end(tables::kFullTitle));
  if (full != nullptr) {
    append_full(out, *full);
    return;
  }
  append_utf8(out, utf8proc_totitle(code_point));
}

bool is_space(int32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_line_break(int32_t c) {
  return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_alpha(int32_t code_point) {
  const auto kind = category(code_point);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool is_decimal(int32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_ND;
}

bool is_digit(int32_t code_point) {
  return is_decimal(code_point) ||
         in_ranges(code_point, std::begin(tables::kOtherDigits), std::end(tables::kOtherDigits));
}

bool is_numeric(int32_t code_point) {
  const auto kind = category(code_point);
  return (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO) ||
         in_ranges(code_point, std::begin(tables::kOtherNumeric), std::end(tables::kOtherNumeric));
}

bool is_upper(int32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LU ||
         in_ranges(code_point, std::begin(tables::kOtherUpper), std::end(tables::kOtherUpper));
}

bool is_lower(int32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LL ||
         in_ranges(code_point, std::begin(tables::kOtherLower), std::end(tables::kOtherLower));
}

bool is_title(int32_t code_point) {
  return category(code_point) == UTF8PROC_CATEGORY_LT;
}

bool is_cased(int32_t code_point) {
  return is_upper(code_point) || is_lower(code_point) || is_title(code_point);
}

bool is_case_ignorable(int32_t c) {
  switch (category(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
      return true;
    default:
      return c == '\'' || c == '.' || c == ':' || c == 0xB7 || c == 0x387 || c == 0x2018 ||
             c == 0x2019 || c == 0x2024 || c == 0x2027;
  }
}

bool is_printable(int32_t code_point) {
  switch (category(code_point)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return code_point == ' ';
    default:
      return true;
  }
}

bool is_identifier_start(int32_t code_point) {
  return code_point == '_' || is_alpha(code_point) || category(code_point) == UTF8PROC_CATEGORY_NL;
}

bool is_identifier_part(int32_t code_point) {
  const auto kind = category(code_point);
  return is_identifier_start(code_point) || kind == UTF8PROC_CATEGORY_ND ||
         kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC ||
         kind == UTF8PROC_CATEGORY_PC;
}

bool is_identifier(std::string_view text) {
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t at = 0; at < size;) {
    const Decoded one = decode_at(text, at);
    const bool fits =
        at == 0 ? is_identifier_start(one.code_point) : is_identifier_part(one.code_point);
    if (!fits) {
      return false;
    }
    at += one.bytes;
  }
  return size > 0;
}

}  // namespace dak::jinja
