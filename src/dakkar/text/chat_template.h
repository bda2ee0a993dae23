#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/text/jinja/template.h"
#include "dakkar/text/tokenizer/text_span.h"

namespace dak {

/// The special tokens that a template may name (`bos_token`, `eos_token`, ...), as the checkpoint's
/// `tokenizer_config.json` or `special_tokens_map.json` spells them. One that is absent is
/// undefined in the template.
struct TemplateTokens {
  std::optional<std::string> bos_token;
  std::optional<std::string> eos_token;
  std::vector<std::pair<std::string, std::string>> others;  ///< `pad_token` and the like
};

enum class GenerationPrompt { kNone, kAdd };

/// What one prompt is made of. Values live in `heap`; use `jinja::value_from_json` to build them.
///
/// Origins: strings are the user's as they were built, keys included; the template's own literals
/// and the special tokens are the template's. The value of a message's `role` counts as the
/// template's when it is one of system, developer, user, assistant, tool, function, and as the
/// user's otherwise. What a template cuts out of, joins or changes keeps its origin byte by byte.
struct TemplateInput {
  jinja::Heap heap;
  jinja::Value messages = jinja::Value::none();                 ///< a list of dicts, at least one
  jinja::Value tools = jinja::Value::none();                    ///< none, or a list of dicts
  jinja::Value documents = jinja::Value::none();                ///< none, or a list of dicts
  std::vector<std::pair<std::string, jinja::Value>> variables;  ///< `chat_template_kwargs`
  GenerationPrompt generation_prompt = GenerationPrompt::kNone;
  /// The field of the last message that generation continues (`content`, as a rule): the prompt
  /// then ends behind its text. Not together with a generation prompt.
  std::optional<std::string> continued_field;
  /// What `strftime_now` shows; see `local_clock`.
  jinja::ClockTime clock;
  jinja::Limits limits;
};

/// The bytes [begin, end) of a prompt and who wrote them.
struct PromptSpan {
  int64_t begin = 0;
  int64_t end = 0;
  SpanOrigin origin = SpanOrigin::kTemplate;
};

/// A rendered prompt; `spans` cover `text` without gaps.
struct RenderedPrompt {
  std::string text;
  std::vector<PromptSpan> spans;

  /// The spans as the tokenizer takes them, looking into `text`.
  [[nodiscard]] std::vector<TextSpan> text_spans() const;
};

/// Turns messages into a prompt, as transformers' `apply_chat_template` does: null fields of
/// messages are dropped, reasoning is known under `reasoning_content` and `thinking` whatever its
/// field was called, `tools` and `documents` are none but defined when absent. Immutable, safe from
/// any thread.
class ChatTemplate final {
 public:
  /// Parses a template. Errors: kInvalidArgument with the line.
  [[nodiscard]] static Result<ChatTemplate> parse(std::string_view source, TemplateTokens tokens);

  /// Renders a prompt. Errors (kInvalidArgument, usually with `param` "messages"): no messages, a
  /// message that is no object, what the template raises (its own words), any other render error
  /// (`line N: ...`), a limit passed, a last message that cannot be continued.
  [[nodiscard]] Result<RenderedPrompt> render(const TemplateInput& input) const;

  /// Names of the variables that the template reads, sorted; says whether it knows
  /// `enable_thinking`, `medium_effort`, `low_effort` and so on.
  [[nodiscard]] const std::vector<std::string>& variables() const { return template_.variables(); }
  [[nodiscard]] bool reads(std::string_view variable) const;

 private:
  ChatTemplate(jinja::Template parsed, std::string source, TemplateTokens tokens)
      : template_(std::move(parsed)), source_(std::move(source)), tokens_(std::move(tokens)) {}

  jinja::Template template_;
  std::string source_;
  TemplateTokens tokens_;
};

/// The templates of a checkpoint: one, or one more for requests with tools.
struct ChatTemplates {
  ChatTemplate main;
  std::optional<ChatTemplate> with_tools;

  /// The template for a request that offers tools.
  [[nodiscard]] const ChatTemplate& for_tools() const { return with_tools ? *with_tools : main; }
};

/// Loads `chat_template.jinja`, else `chat_template` of `tokenizer_config.json` (a string, or a
/// list of named templates with "default" and perhaps "tool_use"); nothing when there is neither.
///
/// Errors: kCorruptFile for a file that is no JSON or has the wrong shape, kInvalidArgument for a
/// template that does not parse; both name the file.
[[nodiscard]] Result<std::optional<ChatTemplates>> load_chat_template(
    const std::filesystem::path& model_dir);

/// The current local time, or the fixed time `2026-07-04T09:05:03` when one is given. Errors:
/// kInvalidArgument when the text is no such time.
[[nodiscard]] jinja::ClockTime local_clock();
[[nodiscard]] Result<jinja::ClockTime> parse_clock(std::string_view text);

}  // namespace dak
