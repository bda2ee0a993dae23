#pragma once

#include <string>
#include <string_view>

#include "dakkar/api/chat_request.h"
#include "dakkar/api/field_reader.h"
#include "dakkar/api/openai_fields.h"
#include "dakkar/api/served_model.h"

namespace dak {

/// What a body is parsed against.
struct OpenAiParseArgs {
  std::string_view body;
  std::string_view id;  ///< request id to use when the body names none
  const ServedModel& model;
  OpenAiRoute route = OpenAiRoute::kChat;
};

/// Parses a body of /v1/chat/completions or /v1/completions (spec/serving.md 3.1 and 4).
[[nodiscard]] Result<ChatRequest> parse_openai(const OpenAiParseArgs& args);

/// Reads what chat template rendering needs: messages, continuation, template variables. Used by
/// /tokenize as well.
[[nodiscard]] ChatPrompt read_chat_prompt(FieldReader& fields);

/// Checks the field `model` against the served names: kNotFound for others. Gives the name that
/// replies carry: the one asked for, or the first one.
[[nodiscard]] std::string read_model_name(FieldReader& fields, const ServedModel& model);

/// Whether `id` may name a request: 1 to 128 letters, digits and `._:-`.
[[nodiscard]] bool is_request_id(std::string_view id);

}  // namespace dak
