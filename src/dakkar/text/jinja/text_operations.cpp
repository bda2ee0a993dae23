#include "dakkar/text/jinja/text_operations.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "dakkar/text/jinja/unicode.h"

namespace dak::jinja {
namespace {

constexpr int32_t kSigma = 0x3A3;

template <typename Map>
MarkedText mapped(const MarkedText& text, const Map& map) {
  MarkedText out;
  std::string piece;
  for (int64_t at = 0; at < text.size();) {
    const Decoded one = decode_at(text.bytes(), at);
    piece.clear();
    map(piece, one.code_point, at);
    out.append(piece, text.origin_at(at));
    at += one.bytes;
  }
  return out;
}

int64_t previous(std::string_view text, int64_t at) {
  int64_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && (text[static_cast<size_t>(begin)] & 0xC0) == 0x80) {
    --begin;
  }
  return begin + decode_at(text, begin).bytes == at ? begin : at - 1;
}

bool is_final_sigma(std::string_view text, int64_t at) {
  int64_t before = at;
  int32_t found = 0;
  while (before > 0) {
    before = previous(text, before);
    found = decode_at(text, before).code_point;
    if (!is_case_ignorable(found)) {
      break;
    }
    found = 0;
  }
  if (found == 0 || !is_cased(found)) {
    return false;
  }
  for (int64_t after = at + 2; after < static_cast<int64_t>(text.size());) {
    const Decoded one = decode_at(text, after);
    if (!is_case_ignorable(one.code_point)) {
      return !is_cased(one.code_point);
    }
    after += one.bytes;
  }
  return true;
}

void append_lower_at(std::string& out, std::string_view text, int32_t code_point, int64_t at) {
  if (code_point == kSigma && is_final_sigma(text, at)) {
    append_utf8(out, 0x3C2);
    return;
  }
  append_lower(out, code_point);
}

bool strips(int32_t code_point, const std::string* chars) {
  if (chars == nullptr) {
    return is_space(code_point);
  }
  for (int64_t at = 0; at < static_cast<int64_t>(chars->size());) {
    const Decoded one = decode_at(*chars, at);
    if (one.code_point == code_point) {
      return true;
    }
    at += one.bytes;
  }
  return false;
}

enum class Skip { kSpace, kWord };

int64_t skip_space(std::string_view text, int64_t at, Skip what) {
  while (at < static_cast<int64_t>(text.size())) {
    const Decoded one = decode_at(text, at);
    if (is_space(one.code_point) != (what == Skip::kSpace)) {
      break;
    }
    at += one.bytes;
  }
  return at;
}

int64_t skip_space_back(std::string_view text, int64_t at, Skip what) {
  while (at > 0) {
    const int64_t begin = previous(text, at);
    if (is_space(decode_at(text, begin).code_point) != (what == Skip::kSpace)) {
      break;
    }
    at = begin;
  }
  return at;
}

std::vector<MarkedText> split_space(const MarkedText& text, int64_t limit) {
  std::vector<MarkedText> parts;
  int64_t at = skip_space(text.bytes(), 0, Skip::kSpace);
  while (at < text.size()) {
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(text.slice(at, text.size()));
      break;
    }
    const int64_t end = skip_space(text.bytes(), at, Skip::kWord);
    parts.push_back(text.slice(at, end));
    at = skip_space(text.bytes(), end, Skip::kSpace);
  }
  return parts;
}

std::vector<MarkedText> split_space_right(const MarkedText& text, int64_t limit) {
  std::vector<MarkedText> parts;
  int64_t at = skip_space_back(text.bytes(), text.size(), Skip::kSpace);
  while (at > 0) {
    if (limit >= 0 && static_cast<int64_t>(parts.size()) == limit) {
      parts.push_back(text.slice(0, at));
      break;
    }
    const int64_t begin = skip_space_back(text.bytes(), at, Skip::kWord);
    parts.push_back(text.slice(begin, at));
    at = skip_space_back(text.bytes(), begin, Skip::kSpace);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

}  // namespace

MarkedText upper(const MarkedText& text) {
  return mapped(text, [](std::string& out, int32_t c, int64_t) { append_upper(out, c); });
}

MarkedText lower(const MarkedText& text) {
  return mapped(text, [&](std::string& out, int32_t c, int64_t at) {
    append_lower_at(out, text.bytes(), c, at);
  });
}

MarkedText capitalize(const MarkedText& text) {
  return mapped(text, [&](std::string& out, int32_t c, int64_t at) {
    if (at == 0) {
      append_title(out, c);
    } else {
      append_lower_at(out, text.bytes(), c, at);
    }
  });
}

MarkedText title(const MarkedText& text) {
  bool inside = false;
  return mapped(text, [&](std::string& out, int32_t c, int64_t at) {
    if (inside) {
      append_lower_at(out, text.bytes(), c, at);
    } else {
      append_title(out, c);
    }
    inside = is_cased(c);
  });
}

MarkedText swap_case(const MarkedText& text) {
  return mapped(text, [&](std::string& out, int32_t c, int64_t at) {
    if (is_upper(c)) {
      append_lower_at(out, text.bytes(), c, at);
    } else if (is_lower(c)) {
      append_upper(out, c);
    } else {
      append_utf8(out, c);
    }
  });
}

MarkedText strip(const MarkedText& text, const std::string* chars, Side side) {
  int64_t begin = 0;
  int64_t end = text.size();
  while (side != Side::kRight && begin < end) {
    const Decoded one = decode_at(text.bytes(), begin);
    if (!strips(one.code_point, chars)) {
      break;
    }
    begin += one.bytes;
  }
  while (side != Side::kLeft && begin < end) {
    const int64_t last = previous(text.bytes(), end);
    if (!strips(decode_at(text.bytes(), last).code_point, chars)) {
      break;
    }
    end = last;
  }
  return text.slice(begin, end);
}

MarkedText replace(const MarkedText& text, const std::string& old, const MarkedText& fresh,
                   int64_t count) {
  MarkedText out;
  int64_t at = 0;
  if (old.empty()) {
    for (; count != 0 && at <= text.size(); --count) {
      out.append(fresh);
      if (at == text.size()) {
        return out;
      }
      const int64_t next = at + decode_at(text.bytes(), at).bytes;
      out.append(text, at, next);
      at = next;
    }
    out.append(text, at, text.size());
    return out;
  }
  for (; count != 0; --count) {
    const int64_t found = find_first(text.bytes(), old, at, text.size());
    if (found < 0) {
      break;
    }
    out.append(text, at, found);
    out.append(fresh);
    at = found + static_cast<int64_t>(old.size());
  }
  out.append(text, at, text.size());
  return out;
}

int64_t replaced_size(const MarkedText& text, const std::string& old, const MarkedText& fresh,
                      int64_t count) {
  const auto width = static_cast<int64_t>(old.size());
  int64_t places = old.empty() ? text.size() + 1 : 0;
  for (int64_t at = 0; width > 0 && places != count; ++places) {
    at = find_first(text.bytes(), old, at, text.size());
    if (at < 0) {
      break;
    }
    at += width;
  }
  places = count < 0 ? places : std::min(places, count);
  int64_t added = 0;
  if (__builtin_mul_overflow(places, fresh.size() - width, &added)) {
    return std::numeric_limits<int64_t>::max();
  }
  return text.size() + added;
}

std::vector<MarkedText> split(const MarkedText& text, const SplitOptions& options) {
  const bool right = options.from == Side::kRight;
  if (options.separator == nullptr) {
    return right ? split_space_right(text, options.limit) : split_space(text, options.limit);
  }
  const std::string& separator = *options.separator;
  const auto width = static_cast<int64_t>(separator.size());
  std::vector<MarkedText> parts;
  int64_t begin = 0;
  int64_t end = text.size();
  for (int64_t cuts = 0; options.limit < 0 || cuts < options.limit; ++cuts) {
    const int64_t found = right ? find_last(text.bytes(), separator, 0, end)
                                : find_first(text.bytes(), separator, begin, end);
    if (found < 0) {
      break;
    }
    parts.push_back(right ? text.slice(found + width, end) : text.slice(begin, found));
    (right ? end : begin) = right ? found : found + width;
  }
  parts.push_back(text.slice(begin, end));
  if (right) {
    std::reverse(parts.begin(), parts.end());
  }
  return parts;
}

std::vector<MarkedText> split_lines(const MarkedText& text, LineEnds ends) {
  std::vector<MarkedText> lines;
  int64_t begin = 0;
  for (int64_t at = 0; at < text.size();) {
    const Decoded one = decode_at(text.bytes(), at);
    int64_t next = at + one.bytes;
    if (!is_line_break(one.code_point)) {
      at = next;
      continue;
    }
    if (one.code_point == '\r' && next < text.size() &&
        text.bytes()[static_cast<size_t>(next)] == '\n') {
      ++next;
    }
    lines.push_back(text.slice(begin, ends == LineEnds::kKeep ? next : at));
    begin = next;
    at = next;
  }
  if (begin < text.size()) {
    lines.push_back(text.slice(begin, text.size()));
  }
  return lines;
}

int64_t find_first(std::string_view text, std::string_view part, int64_t begin, int64_t end) {
  if (begin > end) {
    return -1;
  }
  const auto window = text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
  if (part.empty()) {
    return begin;
  }
  const void* found = memmem(window.data(), window.size(), part.data(), part.size());
  return found == nullptr ? -1 : begin + (static_cast<const char*>(found) - window.data());
}

// Long parts are searched for backwards in windows, mirrored, so that the time stays linear
// whatever the text is.
int64_t find_last(std::string_view text, std::string_view part, int64_t begin, int64_t end) {
  if (begin > end) {
    return -1;
  }
  const auto width = static_cast<int64_t>(part.size());
  if (width < 16) {
    const auto window = text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    const size_t found = window.rfind(part);
    return found == std::string_view::npos ? -1 : begin + static_cast<int64_t>(found);
  }
  const std::string mirrored(part.rbegin(), part.rend());
  const int64_t step = 4096 + 2 * width;
  for (int64_t stop = end; stop - begin >= width; stop -= step - width + 1) {
    const int64_t start = std::max(begin, stop - step);
    std::string window(text.substr(static_cast<size_t>(start), static_cast<size_t>(stop - start)));
    std::reverse(window.begin(), window.end());
    const int64_t found = find_first(window, mirrored, 0, stop - start);
    if (found >= 0) {
      return stop - found - width;
    }
  }
  return -1;
}

}  // namespace dak::jinja
