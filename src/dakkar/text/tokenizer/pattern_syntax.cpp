// Oniguruma's Ruby syntax -> PCRE2.

#include <string>
#include <vector>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/pattern.h"

namespace dak::tok {
namespace {

constexpr std::string_view kNotSpaceRanges =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{84}\x{86}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff})"
    R"(\x{200b}-\x{2027}\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{10ffff})";
constexpr int kMaxClassDepth = 8;
constexpr std::string_view kHexDigitRanges = "0-9a-fA-F";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translator final {
 public:
  explicit Translator(std::string_view source) : source_(source) {}

  Result<std::string> run() {
    while (at_ < source_.size()) {
      if (const Status done = element(); !done) {
        return fail(done.error());
      }
    }
    if (!groups_.empty()) {
      return refuse("a group that is not closed");
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view what) const {
    return fail(
        ErrorCode::kUnimplemented,
        fmt::format("regex '{}' uses {} at offset {}, which is not supported", source_, what, at_));
  }

  [[nodiscard]] bool sees(std::string_view text) const {
    return source_.substr(at_, text.size()) == text;
  }

  Status element() {
    const char c = source_[at_];
    if (c == '?' || c == '*' || c == '+') {
      out_ += c;
      ++at_;
      return {};
    }
    if (c == '{') {
      return interval();
    }
    if (c == ')') {
      return close_group();
    }
    // A character of several bytes is one element.
    if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      atom_ = out_.size();
    }
    if (c == '\\') {
      return escape();
    }
    if (c == '[') {
      return char_class();
    }
    if (c == '(') {
      return open_group();
    }
    out_ += c;
    ++at_;
    return {};
  }

  /// `{n,m}`, `{,m}`, or a literal brace. Ruby reads `{n,m}+` as a repeat of the repeat.
  Status interval() {
    size_t end = at_ + 1;
    while (end < source_.size() && (is_digit(source_[end]) || source_[end] == ',')) {
      ++end;
    }
    const std::string_view body = source_.substr(at_ + 1, end - at_ - 1);
    const bool valid = end < source_.size() && source_[end] == '}' && !body.empty() &&
                       body != "," && body.find(',') == body.rfind(',');
    if (!valid) {
      atom_ = out_.size();
      out_ += "\\{";
      ++at_;
      return {};
    }
    out_ += fmt::format("{{{}{}}}", body.front() == ',' ? "0" : "", body);
    at_ = end + 1;
    if (at_ < source_.size() && source_[at_] == '+') {
      out_.insert(atom_, "(?:");
      out_ += ')';
    }
    if (at_ < source_.size() && source_[at_] == '?' && body.find(',') == std::string_view::npos) {
      return refuse("a lazy fixed repeat");
    }
    return {};
  }

  Status open_group() {
    static constexpr std::string_view kSame[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
    groups_.push_back(out_.size());
    for (const std::string_view prefix : kSame) {
      if (sees(prefix)) {
        out_ += prefix;
        at_ += prefix.size();
        return {};
      }
    }
    if (sees("(?<")) {
      out_ += "(?<";
      at_ += 3;
      return {};
    }
    if (sees("(?")) {
      return option_group();
    }
    out_ += '(';
    ++at_;
    return {};
  }

  /// `(?im-im:`; Ruby's m is Perl's s. Options that last to the group's end bind otherwise in
  /// Ruby than in Perl, but for one at the very beginning.
  Status option_group() {
    const size_t begin = at_;
    at_ += 2;
    std::string options = "(?";
    while (at_ < source_.size() && source_[at_] != ':' && source_[at_] != ')') {
      const char option = source_[at_++];
      if (option == 'm') {
        options += 's';
      } else if (option == 'i' || option == '-') {
        options += option;
      } else {
        return refuse("this kind of group");
      }
    }
    if (at_ == source_.size() || (source_[at_] == ')' && begin != 0)) {
      return refuse("an option without a group");
    }
    if (source_[at_] == ')') {
      groups_.pop_back();
    }
    out_ += options + source_[at_++];
    return {};
  }

  Status close_group() {
    if (groups_.empty()) {
      return refuse("a closing bracket without an opening one");
    }
    atom_ = groups_.back();
    groups_.pop_back();
    out_ += ')';
    ++at_;
    return {};
  }

  Status escape() {
    if (at_ + 1 == source_.size()) {
      return refuse("a backslash at the end");
    }
    const char c = source_[at_ + 1];
    const auto put = [&](std::string_view text) {
      out_ += text;
      at_ += 2;
      return Status{};
    };
    switch (c) {
      case 's':
        return put(fmt::format("[{}]", kSpaceRanges));
      case 'S':
        return put(fmt::format("[^{}]", kSpaceRanges));
      case 'w':
        return put(fmt::format("[{}]", kWordRanges));
      case 'W':
        return put(fmt::format("[^{}]", kWordRanges));
      case 'h':
        return put(fmt::format("[{}]", kHexDigitRanges));
      case 'H':
        return put(fmt::format("[^{}]", kHexDigitRanges));
      case 'b':
        return put(fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWordRanges));
      case 'B':
        return put(fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWordRanges));
      default:
        break;
    }
    // Anchors, \K, \R, \X and references to groups mean the same.
    const bool same = std::string_view("AzZGKRXk123456789").find(c) != std::string_view::npos;
    return same ? put(std::string{'\\', c}) : shared_escape();
  }

  /// What means the same inside and outside of a class.
  Status shared_escape() {
    const char c = source_[at_ + 1];
    switch (c) {
      case 'd':
      case 'D':
        out_ += c == 'd' ? "\\p{Nd}" : "\\P{Nd}";
        break;
      case 'v':
        out_ += "\\x{0b}";
        break;
      case 't':
      case 'n':
      case 'r':
      case 'f':
      case 'a':
      case 'e':
      case '0':
        out_ += std::string{'\\', c};
        break;
      case 'p':
      case 'P':
        return property();
      case 'x':
      case 'u':
        return code_point();
      default:
        if (is_alnum(c)) {
          return refuse(fmt::format("\\{}", c));
        }
        // A byte beyond ASCII is the beginning of a character that needs no backslash.
        out_ += static_cast<unsigned char>(c) < 0x80 ? std::string{'\\', c} : std::string{c};
    }
    at_ += 2;
    return {};
  }

  /// `\p{Name}`: general categories are spelt alike; PCRE2 wants scripts said to be scripts, since
  /// it reads a bare script name as a script extension.
  Status property() {
    const size_t end = source_.find('}', at_);
    if (at_ + 2 >= source_.size() || source_[at_ + 2] != '{' || end == std::string_view::npos) {
      return refuse("a property without braces");
    }
    std::string_view name = source_.substr(at_ + 3, end - at_ - 3);
    bool negated = source_[at_ + 1] == 'P';
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    static constexpr std::string_view kScripts[] = {
        "Han",    "Hiragana", "Katakana", "Hangul",  "Latin",   "Greek", "Cyrillic",   "Arabic",
        "Hebrew", "Thai",     "Common",   "Tibetan", "Bengali", "Tamil", "Devanagari", "Armenian"};
    std::string_view prefix;
    for (const std::string_view script : kScripts) {
      prefix = script == name ? "sc:" : prefix;
    }
    if (prefix.empty() && name.size() > 2 && name != "Alphabetic" && name != "White_Space") {
      return refuse(fmt::format("property {}", name));
    }
    out_ += fmt::format("\\{}{{{}{}}}", negated ? 'P' : 'p', prefix, name);
    at_ = end + 1;
    return {};
  }

  /// `\x{h...}`, `\xhh`, `\uhhhh`.
  Status code_point() {
    size_t begin = at_ + 2;
    const bool braced = source_[at_ + 1] == 'x' && begin < source_.size() && source_[begin] == '{';
    const size_t limit = braced ? 8 : source_[at_ + 1] == 'u' ? 4 : 2;
    begin += braced ? 1 : 0;
    size_t end = begin;
    while (end < source_.size() && end - begin < limit && is_hex(source_[end])) {
      ++end;
    }
    const bool closed = !braced || (end < source_.size() && source_[end] == '}');
    if (end == begin || !closed || (source_[at_ + 1] == 'u' && end - begin != 4)) {
      return refuse("a malformed code point");
    }
    out_ += fmt::format("\\x{{{}}}", source_.substr(begin, end - begin));
    at_ = end + (braced ? 1 : 0);
    return {};
  }

  Status char_class() {
    out_ += '[';
    ++at_;
    if (sees("^")) {
      out_ += '^';
      ++at_;
    }
    bool first = true;
    while (at_ < source_.size() && (first || source_[at_] != ']')) {
      first = false;
      if (const Status done = class_item(); !done) {
        return done;
      }
    }
    if (at_ == source_.size()) {
      return refuse("a class that is not closed");
    }
    out_ += ']';
    ++at_;
    return {};
  }

  /// A class inside a class adds its members, so they can stand without brackets.
  Status inner_class() {
    ++at_;
    if (sees("^") || sees(":") || ++class_depth_ > kMaxClassDepth) {
      return refuse("this kind of class inside a class");
    }
    while (at_ < source_.size() && source_[at_] != ']') {
      if (const Status done = class_item(); !done) {
        return done;
      }
    }
    if (at_ == source_.size()) {
      return refuse("a class that is not closed");
    }
    --class_depth_;
    ++at_;
    return {};
  }

  Status class_item() {
    const char c = source_[at_];
    if (c == '[') {
      return inner_class();
    }
    if (sees("&&")) {
      return refuse("an intersection of classes");
    }
    if (c != '\\') {
      out_ += c == ']' ? "\\]" : std::string{c};
      ++at_;
      return {};
    }
    if (at_ + 1 == source_.size()) {
      return refuse("a backslash at the end");
    }
    const char escaped = source_[at_ + 1];
    const std::string_view ranges = escaped == 's'   ? kSpaceRanges
                                    : escaped == 'S' ? kNotSpaceRanges
                                    : escaped == 'w' ? kWordRanges
                                    : escaped == 'h' ? kHexDigitRanges
                                                     : std::string_view{};
    if (ranges.empty()) {
      return escaped == 'b' ? refuse("\\b inside a class") : shared_escape();
    }
    out_ += ranges;
    at_ += 2;
    return {};
  }

  std::string_view source_;
  size_t at_ = 0;
  std::string out_;
  size_t atom_ = 0;  // where in out_ the element that a quantifier would repeat begins
  int class_depth_ = 0;
  std::vector<size_t> groups_;  // where in out_ the open groups begin
};

}  // namespace

Result<std::string> translate_regex(std::string_view regex) {
  return Translator(regex).run();
}

}  // namespace dak::tok
