#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"
#include "dakkar/text/tokenizer/pipeline.h"

namespace dak::tok {

/// Builds a pipeline from the text of a tokenizer.json.
/// Errors: malformed JSON, unknown components and fields (named by their path), and what the parts'
/// own `create` functions refuse.
[[nodiscard]] Result<std::unique_ptr<const Pipeline>> load_pipeline(std::string_view json);

// The parts below read one component each; `view` is absent where the file has null or nothing.

[[nodiscard]] Result<Normalizer> load_normalizer(const std::optional<JsonView>& view);
[[nodiscard]] Result<PreTokenizer> load_pre_tokenizer(const std::optional<JsonView>& view);
[[nodiscard]] Result<PostProcessor> load_post_processor(const std::optional<JsonView>& view);
[[nodiscard]] Result<Decoder> load_decoder(const std::optional<JsonView>& view);

/// Refuses members of `object` that are not in `known`.
[[nodiscard]] Status check_fields(const JsonView& object,
                                  std::initializer_list<std::string_view> known);

/// A "pattern" member: `{"String": ...}` or `{"Regex": ...}`.
[[nodiscard]] Result<Pattern> load_pattern(const JsonView& object);

/// A member that holds exactly one character.
[[nodiscard]] Result<char32_t> load_character(const JsonView& object, std::string_view key);

/// The "prepend_scheme" of a Metaspace component, older spellings included.
[[nodiscard]] Result<PrependScheme> load_prepend_scheme(const JsonView& object);

}  // namespace dak::tok
