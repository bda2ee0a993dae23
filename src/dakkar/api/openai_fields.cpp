#include "dakkar/api/openai_fields.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace dak {
namespace {

/// What becomes of a field.
enum class Use {
  kRead,     ///< parsed elsewhere, or without effect in any server
  kChat,     ///< read on the chat route, unknown on the other
  kPrompt,   ///< read on the completions route, unknown on the other
  kMissing,  ///< a feature that is not there yet
  kRefused,  ///< a feature that will not come
};

struct Field {
  std::string_view name;
  Use use;
  std::string_view harmless;  ///< values of a missing feature that ask for nothing, split by '|'
};

constexpr std::string_view kNothing;

constexpr auto kFields = std::to_array<Field>({
    // Read.
    {"model", Use::kRead, kNothing},
    {"messages", Use::kChat, kNothing},
    {"prompt", Use::kPrompt, kNothing},
    {"temperature", Use::kRead, kNothing},
    {"top_p", Use::kRead, kNothing},
    {"top_k", Use::kRead, kNothing},
    {"min_p", Use::kRead, kNothing},
    {"presence_penalty", Use::kRead, kNothing},
    {"frequency_penalty", Use::kRead, kNothing},
    {"repetition_penalty", Use::kRead, kNothing},
    {"logit_bias", Use::kRead, kNothing},
    {"seed", Use::kRead, kNothing},
    {"n", Use::kRead, kNothing},
    {"best_of", Use::kRead, kNothing},
    {"max_tokens", Use::kRead, kNothing},
    {"max_completion_tokens", Use::kRead, kNothing},
    {"min_tokens", Use::kRead, kNothing},
    {"stop", Use::kRead, kNothing},
    {"stop_token_ids", Use::kRead, kNothing},
    {"include_stop_str_in_output", Use::kRead, kNothing},
    {"ignore_eos", Use::kRead, kNothing},
    {"skip_special_tokens", Use::kRead, kNothing},
    {"stream", Use::kRead, kNothing},
    {"stream_options", Use::kRead, kNothing},
    {"logprobs", Use::kRead, kNothing},
    {"top_logprobs", Use::kChat, kNothing},
    {"echo", Use::kRead, kNothing},
    {"priority", Use::kRead, kNothing},
    {"request_id", Use::kRead, kNothing},
    {"rid", Use::kRead, kNothing},
    {"cache_salt", Use::kRead, kNothing},
    {"return_token_ids", Use::kRead, kNothing},
    {"return_tokens_as_token_ids", Use::kRead, kNothing},
    {"truncate_prompt_tokens", Use::kRead, kNothing},
    {"truncation_side", Use::kRead, kNothing},
    {"add_special_tokens", Use::kRead, kNothing},
    {"add_generation_prompt", Use::kChat, kNothing},
    {"continue_final_message", Use::kChat, kNothing},
    {"chat_template_kwargs", Use::kChat, kNothing},
    {"documents", Use::kChat, kNothing},
    {"reasoning_effort", Use::kChat, kNothing},
    {"reasoning", Use::kChat, kNothing},
    {"separate_reasoning", Use::kChat, kNothing},
    {"tools", Use::kChat, kNothing},
    {"tool_choice", Use::kChat, kNothing},
    {"parallel_tool_calls", Use::kRead, kNothing},
    // Without effect here as elsewhere.
    {"spaces_between_special_tokens", Use::kRead, kNothing},
    {"session_id", Use::kRead, kNothing},
    {"prompt_cache_key", Use::kRead, kNothing},
    {"prompt_cache_retention", Use::kRead, kNothing},
    {"safety_identifier", Use::kRead, kNothing},
    {"user", Use::kRead, kNothing},
    {"metadata", Use::kRead, kNothing},
    {"store", Use::kRead, kNothing},
    {"service_tier", Use::kRead, kNothing},
    {"prediction", Use::kRead, kNothing},
    {"web_search_options", Use::kRead, kNothing},
    {"verbosity", Use::kRead, kNothing},
    {"stream_reasoning", Use::kRead, kNothing},
    {"response_format", Use::kRead, kNothing},
    {"modalities", Use::kRead, kNothing},
    {"nvext", Use::kRead, kNothing},
    // Not there yet.
    {"functions", Use::kMissing, kNothing},
    {"function_call", Use::kMissing, "auto|none"},
    {"structured_outputs", Use::kMissing, kNothing},
    {"guided_json", Use::kMissing, kNothing},
    {"guided_regex", Use::kMissing, kNothing},
    {"guided_choice", Use::kMissing, kNothing},
    {"guided_grammar", Use::kMissing, kNothing},
    {"guided_json_object", Use::kMissing, kNothing},
    {"guided_decoding_backend", Use::kMissing, kNothing},
    {"guided_whitespace_pattern", Use::kMissing, kNothing},
    {"regex", Use::kMissing, kNothing},
    {"ebnf", Use::kMissing, kNothing},
    {"json_schema", Use::kMissing, kNothing},
    {"structural_tag", Use::kMissing, kNothing},
    {"logprob_token_ids", Use::kMissing, kNothing},
    {"prompt_logprobs", Use::kMissing, kNothing},
    {"thinking_token_budget", Use::kMissing, "-1"},
    {"reasoning_budget", Use::kMissing, "-1"},
    {"include_reasoning", Use::kMissing, "true"},
    {"allowed_token_ids", Use::kMissing, kNothing},
    {"bad_words", Use::kMissing, kNothing},
    {"return_prompt_text", Use::kMissing, kNothing},
    {"stream_interval", Use::kMissing, "1"},
    {"repetition_detection", Use::kMissing, kNothing},
    {"audio", Use::kMissing, kNothing},
    // Will not come.
    {"chat_template", Use::kRefused, kNothing},
    {"suffix", Use::kRefused, kNothing},
    {"use_beam_search", Use::kRefused, kNothing},
    {"length_penalty", Use::kRefused, "1"},
    {"early_stopping", Use::kRefused, kNothing},
    {"kv_transfer_params", Use::kRefused, kNothing},
    {"vllm_xargs", Use::kRefused, kNothing},
    {"lora_path", Use::kRefused, kNothing},
    {"lora_request", Use::kRefused, kNothing},
    {"bootstrap_host", Use::kRefused, kNothing},
    {"bootstrap_port", Use::kRefused, kNothing},
    {"bootstrap_room", Use::kRefused, kNothing},
    {"mm_processor_kwargs", Use::kRefused, kNothing},
    {"media_io_kwargs", Use::kRefused, kNothing},
});

bool is_one_of(std::string_view value, std::string_view choices) {
  while (!choices.empty()) {
    const size_t bar = std::min(choices.find('|'), choices.size());
    if (value == choices.substr(0, bar)) {
      return true;
    }
    choices.remove_prefix(std::min(bar + 1, choices.size()));
  }
  return false;
}

/// Whether a value of a field asks for nothing.
bool asks_nothing(const JsonView& value, std::string_view harmless) {
  const rapidjson::Value& raw = value.raw();
  if (raw.IsNull() || raw.IsFalse() || (raw.IsArray() && raw.Empty()) ||
      (raw.IsObject() && raw.ObjectEmpty()) || (raw.IsString() && raw.GetStringLength() == 0)) {
    return true;
  }
  if (raw.IsString()) {
    return is_one_of({raw.GetString(), raw.GetStringLength()}, harmless);
  }
  if (raw.IsNumber()) {
    return is_one_of(fmt::format("{}", raw.GetDouble()), harmless);
  }
  return raw.IsTrue() && is_one_of("true", harmless);
}

bool is_known(const Field& field, OpenAiRoute route) {
  return !(field.use == Use::kChat && route == OpenAiRoute::kCompletions) &&
         !(field.use == Use::kPrompt && route == OpenAiRoute::kChat);
}

Status check_field(const Field& field, const JsonView& value) {
  const bool allowed = field.use != Use::kMissing && field.use != Use::kRefused;
  if (allowed || asks_nothing(value, field.harmless)) {
    return {};
  }
  const std::string_view why = field.use == Use::kMissing
                                   ? "is not supported yet by this server: leave it out"
                                   : "is not supported by this server: leave it out";
  return fail(ErrorCode::kUnimplemented, fmt::format("{} {}", field.name, why),
              std::string(field.name));
}

/// Fields that are missing features only for some of their values.
Status check_nested(const JsonView& body) {
  if (const auto format = body.find("response_format")) {
    const auto type = format->find("type");
    const Result<std::string_view> name = type ? type->as_string() : Result<std::string_view>("");
    if (!format->is_object() || !name || name->empty()) {
      return format->refuse("must be an object with a type");
    }
    if (*name != "text") {
      return fail(ErrorCode::kUnimplemented,
                  fmt::format("response_format of type {} is not supported yet by this server: "
                              "use text",
                              *name),
                  "response_format");
    }
  }
  if (const auto nvext = body.find("nvext"); nvext && nvext->find("max_thinking_tokens")) {
    return fail(ErrorCode::kUnimplemented,
                "nvext.max_thinking_tokens is not supported yet by this server: leave it out",
                "nvext.max_thinking_tokens");
  }
  if (const auto modalities = body.find("modalities"); modalities && modalities->is_array()) {
    for (const rapidjson::Value& entry : modalities->raw().GetArray()) {
      if (!entry.IsString() || std::string_view(entry.GetString()) != "text") {
        return modalities->refuse("may only hold \"text\": this model writes text only");
      }
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> check_known_fields(const JsonView& body, OpenAiRoute route) {
  const auto members = body.as_object();
  if (!members) {
    return fail(members.error());
  }
  std::vector<std::string> unknown;
  for (const auto& [name, value] : *members) {
    const std::string_view wanted = name;
    const auto* field = std::find_if(kFields.begin(), kFields.end(),
                                     [&](const Field& entry) { return entry.name == wanted; });
    if (field == kFields.end() || !is_known(*field, route)) {
      unknown.emplace_back(wanted);
      continue;
    }
    if (const Status status = check_field(*field, value); !status) {
      return fail(status.error());
    }
  }
  if (const Status status = check_nested(body); !status) {
    return fail(status.error());
  }
  return unknown;
}

}  // namespace dak
