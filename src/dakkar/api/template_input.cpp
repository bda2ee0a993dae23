#include "dakkar/api/template_input.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

#include "dakkar/api/json_text.h"
#include "dakkar/base/json.h"
#include "dakkar/text/jinja/from_json.h"

namespace dak {
namespace {

using jinja::Value;

void write_tool_calls(const std::vector<ToolCall>& calls, JsonText& json) {
  json.key("tool_calls").open_array();
  for (const ToolCall& call : calls) {
    json.open_object();
    if (!call.id.empty()) {
      json.key("id").string(call.id);
    }
    json.key("type").string("function");
    json.key("function").open_object();
    json.key("name").string(call.name);
    json.key("arguments").raw(call.arguments).close_object().close_object();
  }
  json.close_array();
}

std::string messages_json(const std::vector<ChatMessage>& messages) {
  JsonText json;
  json.open_array();
  for (const ChatMessage& message : messages) {
    json.open_object();
    json.key("role").string(message.role);
    if (message.content) {
      json.key("content").string(*message.content);
    }
    if (!message.reasoning.empty()) {
      json.key("reasoning_content").string(message.reasoning);
    }
    if (!message.tool_calls.empty()) {
      write_tool_calls(message.tool_calls, json);
    }
    if (!message.name.empty()) {
      json.key("name").string(message.name);
    }
    if (!message.tool_call_id.empty()) {
      json.key("tool_call_id").string(message.tool_call_id);
    }
    json.close_object();
  }
  json.close_array();
  return json.take();
}

Result<Value> value_of(std::string_view json, std::string_view field, jinja::Heap& heap) {
  const Result<JsonDocument> document = JsonDocument::parse(json);
  if (!document) {
    return fail(ErrorCode::kInvalidArgument, document.error().message, std::string(field));
  }
  Result<Value> value = jinja::value_from_json(heap, document->root().raw(), jinja::Origin::kUser);
  if (!value) {
    return fail(ErrorCode::kInvalidArgument, value.error().message, std::string(field));
  }
  return value;
}

Status add_variables(const std::string& json, TemplateInput& input) {
  constexpr std::array<std::string_view, 4> kReserved = {"messages", "tools", "documents",
                                                         "add_generation_prompt"};
  constexpr std::string_view kField = "chat_template_kwargs";
  if (json.empty()) {
    return {};
  }
  const Result<Value> object = value_of(json, kField, input.heap);
  if (!object) {
    return fail(object.error());
  }
  for (const auto& [key, value] : object->dict().entries()) {
    const std::string& name = key.bytes();
    if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("chat_template_kwargs may not hold {}: it is a field of the request", name),
          std::string(kField));
    }
    input.variables.emplace_back(name, value);
  }
  return {};
}

bool has_variable(const TemplateInput& input, std::string_view name) {
  return std::any_of(input.variables.begin(), input.variables.end(),
                     [&](const auto& variable) { return variable.first == name; });
}

void apply_effort(const std::string& effort, const ChatTemplate& chat_template,
                  TemplateInput& input) {
  const auto set = [&](std::string_view name, const Value& value) {
    if (!has_variable(input, name)) {
      input.variables.emplace_back(std::string(name), value);
    }
  };
  if (effort == "none") {
    set("enable_thinking", Value::boolean_of(false));
    return;
  }
  const bool low = effort == "minimal" || effort == "low";
  if ((low || effort == "medium") && chat_template.reads("medium_effort")) {
    set("medium_effort", Value::boolean_of(true));
  } else if (low && chat_template.reads("low_effort")) {
    set("low_effort", Value::boolean_of(true));
  }
}

}  // namespace

Status fill_template_input(const ChatPrompt& chat, const ChatTemplate& chat_template,
                           TemplateInput& input) {
  Result<Value> messages = value_of(messages_json(chat.messages), "messages", input.heap);
  if (!messages) {
    return fail(messages.error());
  }
  input.messages = *messages;
  if (!chat.tools.empty()) {
    Result<Value> tools = value_of(chat.tools, "tools", input.heap);
    if (!tools) {
      return fail(tools.error());
    }
    input.tools = *tools;
  }
  if (!chat.documents.empty()) {
    Result<Value> documents = value_of(chat.documents, "documents", input.heap);
    if (!documents) {
      return fail(documents.error());
    }
    input.documents = *documents;
  }
  if (Status status = add_variables(chat.template_variables, input); !status) {
    return status;
  }
  apply_effort(chat.reasoning_effort, chat_template, input);
  switch (chat.end) {
    case ChatPrompt::End::kGenerationPrompt:
      input.generation_prompt = GenerationPrompt::kAdd;
      break;
    case ChatPrompt::End::kNothing:
      break;
    case ChatPrompt::End::kContinueLastTurn:
      input.continued_field = "content";
      break;
  }
  return {};
}

}  // namespace dak
