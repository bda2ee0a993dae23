#include "dakkar/text/tokenizer/pattern.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>
#include <pcre2.h>

#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeCompileContext {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

PCRE2_SPTR units_of(std::string_view text) {
  // PCRE2 takes unsigned bytes; a string may be looked at as such.
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

std::string message_of(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

constexpr uint32_t kLeastMatchLimit = 10'000'000;
constexpr uint32_t kMatchLimitPerByte = 64;

}  // namespace

struct Pattern::Compiled {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::string source;
  bool jit = false;

  Result<bool> search(std::string_view text, int64_t from, pcre2_match_data* data) const;
};

/// Finds the next match; the compiled matcher has a small fixed stack, so what exceeds it goes to
/// the interpreter, whose memory is on the heap.
Result<bool> Pattern::Compiled::search(std::string_view text, int64_t from,
                                       pcre2_match_data* data) const {
  const auto start = static_cast<size_t>(from);
  int rc = PCRE2_ERROR_JIT_STACKLIMIT;
  if (jit) {
    rc = pcre2_jit_match(code.get(), units_of(text), text.size(), start, 0, data, nullptr);
  }
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT || rc == PCRE2_ERROR_MATCHLIMIT) {
    const std::unique_ptr<pcre2_match_context, FreeMatchContext> context(
        pcre2_match_context_create(nullptr));
    const uint64_t wanted = uint64_t{kMatchLimitPerByte} * text.size();
    pcre2_set_match_limit(context.get(), static_cast<uint32_t>(std::clamp<uint64_t>(
                                             wanted, kLeastMatchLimit, UINT32_MAX)));
    rc = pcre2_match(code.get(), units_of(text), text.size(), start,
                     PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context.get());
  }
  if (rc == PCRE2_ERROR_NOMATCH) {
    return false;
  }
  if (rc < 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("regex '{}' fails on this text: {}", source, message_of(rc)));
  }
  return true;
}

Result<Pattern> Pattern::create_regex(std::string_view regex) {
  Result<std::string> translated = translate_regex(regex);
  if (!translated) {
    return fail(std::move(translated.error()));
  }
  const std::unique_ptr<pcre2_compile_context, FreeCompileContext> context(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  size_t offset = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->code.reset(
      pcre2_compile(units_of(*translated), translated->size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
                    &offset, context.get()));
  if (!compiled->code) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("regex '{}' does not compile: {}", regex, message_of(error)));
  }
  compiled->source = regex;
  compiled->jit = pcre2_jit_compile(compiled->code.get(), PCRE2_JIT_COMPLETE) == 0;
  return Pattern(std::move(compiled), {});
}

Pattern Pattern::create_literal(std::string text) {
  return Pattern(nullptr, std::move(text));
}

Pattern::Pattern(std::unique_ptr<const Compiled> compiled, std::string literal)
    : compiled_(std::move(compiled)), literal_(std::move(literal)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&& other) noexcept = default;
Pattern& Pattern::operator=(Pattern&& other) noexcept = default;

Status Pattern::find_all(std::string_view text, std::vector<Match>& out) const {
  out.clear();
  std::unique_ptr<pcre2_match_data, FreeMatchData> data;
  if (compiled_) {
    data.reset(pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  }
  const auto size = static_cast<int64_t>(text.size());
  int64_t from = 0;
  int64_t last_end = -1;
  while (from <= size) {
    Match match;
    if (compiled_) {
      const Result<bool> found = compiled_->search(text, from, data.get());
      if (!found) {
        return fail(found.error());
      }
      if (!*found) {
        break;
      }
      const size_t* ends = pcre2_get_ovector_pointer(data.get());
      match = {static_cast<int64_t>(ends[0]), static_cast<int64_t>(ends[1]), true};
      // \K inside a lookahead can put the begin behind the end.
      match.begin = std::min(match.begin, match.end);
    } else {
      const size_t found = text.find(literal_, static_cast<size_t>(from));
      if (found == std::string_view::npos) {
        break;
      }
      match = {static_cast<int64_t>(found), static_cast<int64_t>(found + literal_.size()), true};
    }
    if (match.begin == match.end && match.end == last_end) {
      from += from < size ? first_code_point(text.substr(static_cast<size_t>(from))).size : 1;
      continue;
    }
    const int64_t covered = std::max<int64_t>(last_end, 0);
    if (covered < match.begin) {
      out.push_back({covered, match.begin, false});
    }
    out.push_back(match);
    from = match.end;
    last_end = match.end;
  }
  if (std::max<int64_t>(last_end, 0) < size) {
    out.push_back({std::max<int64_t>(last_end, 0), size, false});
  }
  return {};
}

}  // namespace dak::tok
