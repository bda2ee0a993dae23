#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/text/jinja/marked_text.h"

namespace dak::jinja {

/// Python's string methods over marked text; every byte of a result keeps the origin of the byte it
/// came from. Positions are bytes unless said otherwise.

MarkedText upper(const MarkedText& text);
MarkedText lower(const MarkedText& text);
MarkedText capitalize(const MarkedText& text);
MarkedText title(const MarkedText& text);
MarkedText swap_case(const MarkedText& text);

enum class Side : uint8_t { kBoth, kLeft, kRight };

/// Strips the code points in `chars`, or white space when it is null.
MarkedText strip(const MarkedText& text, const std::string* chars, Side side);

/// Replaces at most `count` occurrences (all when negative).
MarkedText replace(const MarkedText& text, const std::string& old, const MarkedText& fresh,
                   int64_t count);

/// Most bytes that `replace` with these arguments gives, so that memory is checked before.
int64_t replaced_size(const MarkedText& text, const std::string& old, const MarkedText& fresh,
                      int64_t count);

/// Splits at `separator`, or at runs of white space when it is null; at most `limit` cuts when not
/// negative. `kRight` counts the cuts from the right.
struct SplitOptions {
  const std::string* separator = nullptr;
  int64_t limit = -1;
  Side from = Side::kLeft;
};
std::vector<MarkedText> split(const MarkedText& text, const SplitOptions& options);

enum class LineEnds : uint8_t { kDrop, kKeep };
std::vector<MarkedText> split_lines(const MarkedText& text, LineEnds ends);

/// Finds `part` in [begin, end); -1 when it is not there.
int64_t find_first(std::string_view text, std::string_view part, int64_t begin, int64_t end);
int64_t find_last(std::string_view text, std::string_view part, int64_t begin, int64_t end);

}  // namespace dak::jinja
