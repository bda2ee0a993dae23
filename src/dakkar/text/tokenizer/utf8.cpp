#include "dakkar/text/tokenizer/utf8.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dak::tok {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// What may follow a lead byte: number of continuation bytes and the range of the first of them.
struct Lead {
  int64_t continuation = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

bool lead_of(uint8_t byte, Lead& lead) {
  if (byte >= 0xC2 && byte <= 0xDF) {
    lead = {.continuation = 1};
  } else if (byte >= 0xE0 && byte <= 0xEF) {
    lead = {.continuation = 2};
    lead.low = byte == 0xE0 ? 0xA0 : 0x80;
    lead.high = byte == 0xED ? 0x9F : 0xBF;
  } else if (byte >= 0xF0 && byte <= 0xF4) {
    lead = {.continuation = 3};
    lead.low = byte == 0xF0 ? 0x90 : 0x80;
    lead.high = byte == 0xF4 ? 0x8F : 0xBF;
  } else {
    return false;
  }
  return true;
}

int64_t ascii_prefix(std::string_view text) {
  size_t i = 0;
  while (i + 8 <= text.size()) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080ULL) != 0) {
      break;
    }
    i += 8;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) {
    ++i;
  }
  return static_cast<int64_t>(i);
}

}  // namespace

Utf8Unit first_unit(std::string_view text) {
  const auto byte = static_cast<uint8_t>(text[0]);
  if (byte < 0x80) {
    return {Utf8Unit::Kind::kValid, 1, byte};
  }
  Lead lead;
  if (!lead_of(byte, lead)) {
    return {Utf8Unit::Kind::kInvalid, 1, 0};
  }
  char32_t value = byte & (0x3FU >> lead.continuation);
  for (int64_t i = 1; i <= lead.continuation; ++i) {
    if (i >= static_cast<int64_t>(text.size())) {
      return {Utf8Unit::Kind::kIncomplete, i, 0};
    }
    const auto next = static_cast<uint8_t>(text[static_cast<size_t>(i)]);
    const bool fits = i == 1 ? next >= lead.low && next <= lead.high : (next & 0xC0) == 0x80;
    if (!fits) {
      return {Utf8Unit::Kind::kInvalid, i, 0};
    }
    value = (value << 6) | (next & 0x3FU);
  }
  return {Utf8Unit::Kind::kValid, lead.continuation + 1, value};
}

CodePoint first_code_point(std::string_view text) {
  const Utf8Unit unit = first_unit(text);
  return {unit.code_point, unit.size};
}

void append_utf8(char32_t code_point, std::string& out) {
  const auto value = static_cast<uint32_t>(code_point);
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  if (value < 0x800) {
    out += static_cast<char>(0xC0 | (value >> 6));
  } else {
    if (value < 0x10000) {
      out += static_cast<char>(0xE0 | (value >> 12));
    } else {
      out += static_cast<char>(0xF0 | (value >> 18));
      out += static_cast<char>(0x80 | ((value >> 12) & 0x3F));
    }
    out += static_cast<char>(0x80 | ((value >> 6) & 0x3F));
  }
  out += static_cast<char>(0x80 | (value & 0x3F));
}

bool is_utf8(std::string_view text) {
  while (true) {
    text.remove_prefix(static_cast<size_t>(ascii_prefix(text)));
    if (text.empty()) {
      return true;
    }
    const Utf8Unit unit = first_unit(text);
    if (unit.kind != Utf8Unit::Kind::kValid) {
      return false;
    }
    text.remove_prefix(static_cast<size_t>(unit.size));
  }
}

void append_lossy(std::string_view text, std::string& out) {
  Utf8Assembler assembler;
  assembler.push(text, out);
  assembler.finish(out);
}

void Utf8Assembler::push(std::string_view bytes, std::string& out) {
  std::string joined;
  if (!pending_.empty()) {
    joined = pending_ + std::string(bytes);
    pending_.clear();
    bytes = joined;
  }
  while (!bytes.empty()) {
    const auto ascii = static_cast<size_t>(ascii_prefix(bytes));
    out.append(bytes.substr(0, ascii));
    bytes.remove_prefix(ascii);
    if (bytes.empty()) {
      return;
    }
    const Utf8Unit unit = first_unit(bytes);
    if (unit.kind == Utf8Unit::Kind::kIncomplete) {
      pending_ = bytes;
      return;
    }
    out.append(unit.kind == Utf8Unit::Kind::kValid ? bytes.substr(0, static_cast<size_t>(unit.size))
                                                   : kReplacement);
    bytes.remove_prefix(static_cast<size_t>(unit.size));
  }
}

void Utf8Assembler::finish(std::string& out) {
  if (!pending_.empty()) {
    out.append(kReplacement);
    pending_.clear();
  }
}

}  // namespace dak::tok
