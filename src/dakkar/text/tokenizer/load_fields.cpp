#include <algorithm>

#include <fmt/core.h>

#include "dakkar/text/tokenizer/load.h"
#include "dakkar/text/tokenizer/utf8.h"

namespace dak::tok {

Status check_fields(const JsonView& object, std::initializer_list<std::string_view> known) {
  const auto members = object.as_object();
  if (!members) {
    return fail(members.error());
  }
  for (const auto& [key, value] : *members) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return value.refuse("is a field that this tokenizer does not know");
    }
  }
  return {};
}

Result<Pattern> load_pattern(const JsonView& object) {
  const Result<JsonView> pattern = required(object, "pattern");
  if (!pattern) {
    return fail(pattern.error());
  }
  if (const Status known = check_fields(*pattern, {"String", "Regex"}); !known) {
    return fail(known.error());
  }
  const std::optional<JsonView> literal = pattern->find("String");
  const std::optional<JsonView> regex = pattern->find("Regex");
  if (literal.has_value() == regex.has_value()) {
    return pattern->refuse("must hold either String or Regex");
  }
  const Result<std::string_view> text = literal ? literal->as_string() : regex->as_string();
  if (!text) {
    return fail(text.error());
  }
  return literal ? Pattern::create_literal(std::string(*text)) : Pattern::create_regex(*text);
}

Result<char32_t> load_character(const JsonView& object, std::string_view key) {
  const Result<std::string> text = required_string(object, key);
  if (!text) {
    return fail(text.error());
  }
  if (text->empty() || first_code_point(*text).size != static_cast<int64_t>(text->size())) {
    return object.refuse_member(key, "must be one character");
  }
  return first_code_point(*text).value;
}

Result<PrependScheme> load_prepend_scheme(const JsonView& object) {
  const Result<std::string> name = string_or(object, "prepend_scheme", "always");
  const Result<bool> add_prefix = bool_or(object, "add_prefix_space", true);
  if (!name || !add_prefix) {
    return fail(name ? add_prefix.error() : name.error());
  }
  if (!*add_prefix && *name != "never") {
    return object.refuse_member("add_prefix_space", "contradicts prepend_scheme");
  }
  if (*name == "always") {
    return PrependScheme::kAlways;
  }
  if (*name == "first") {
    return PrependScheme::kFirst;
  }
  if (*name == "never") {
    return PrependScheme::kNever;
  }
  return object.refuse_member("prepend_scheme", "must be always, first or never");
}

}  // namespace dak::tok
