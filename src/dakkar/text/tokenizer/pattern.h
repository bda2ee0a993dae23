#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"

namespace dak::tok {

/// A stretch of a text, in bytes, and whether a pattern matched it.
struct Match {
  int64_t begin = 0;
  int64_t end = 0;
  bool matched = false;
};

/// A compiled regular expression of a `tokenizer.json`, or a literal string.
///
/// The files are written for Oniguruma in Ruby syntax; `create_regex` rewrites what PCRE2 reads
/// otherwise (`\s`, `\w`, `\h`, `\v`, `\b`, `(?m:`, `{n,m}+`, script names) and refuses what PCRE2
/// lacks. Immutable; matching is safe from many threads and linear where the pattern is.
class Pattern final {
 public:
  /// Compiles `regex`. Errors: syntax errors and constructs without a counterpart, quoting `regex`.
  static Result<Pattern> create_regex(std::string_view regex);

  /// A pattern that matches exactly `text`; the empty text matches between all characters.
  static Pattern create_literal(std::string text);

  ~Pattern();
  Pattern(Pattern&& other) noexcept;
  Pattern& operator=(Pattern&& other) noexcept;

  /// Cuts `text` (valid UTF-8) into matches and what lies between them, in order, no gap; replaces
  /// the content of `out`. An empty match directly behind the match before it does not count.
  /// Errors: the backtracking limit, for patterns that explode on some texts.
  [[nodiscard]] Status find_all(std::string_view text, std::vector<Match>& out) const;

 private:
  struct Compiled;
  Pattern(std::unique_ptr<const Compiled> compiled, std::string literal);

  std::unique_ptr<const Compiled> compiled_;  // null for a literal
  std::string literal_;
};

/// Rewrites an Oniguruma (Ruby syntax) regex for PCRE2 with UTF, UCP and MULTILINE.
/// Errors: constructs that PCRE2 does not have or that would mean something else there.
[[nodiscard]] Result<std::string> translate_regex(std::string_view regex);

/// Class bodies (what stands between `[` and `]`) for PCRE2, as Oniguruma has them: Latin-1's
/// superscript digits and fractions count as word characters there.
inline constexpr std::string_view kSpaceRanges =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a})"
    R"(\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
inline constexpr std::string_view kWordRanges =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

/// `\w` of Rust's regex crate, which some components use whatever the file says.
inline constexpr std::string_view kRustWordRanges =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

}  // namespace dak::tok
