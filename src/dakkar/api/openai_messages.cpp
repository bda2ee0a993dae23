#include "dakkar/api/openai_messages.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/core.h>

namespace dak {
namespace {

using std::string_view;

Result<string_view> part_text(const JsonView& part) {
  if (part.is_string()) {
    return part.as_string();
  }
  const auto type = part.find("type");
  if (!part.is_object() || !type || !type->is_string()) {
    return part.refuse("must be a content part: an object with a type");
  }
  const string_view name = *type->as_string();
  if (name == "text" || name == "input_text" || name == "output_text") {
    const auto text = part.find("text");
    return text ? text->as_string() : part.refuse_member("text", "is missing");
  }
  if (name == "refusal") {
    const auto text = part.find("refusal");
    return text ? text->as_string() : part.refuse_member("refusal", "is missing");
  }
  return part.refuse(fmt::format("has type {}: this model accepts text only", name));
}

Result<std::string> joined_parts(const JsonView& content) {
  const auto parts = content.as_array();
  if (!parts) {
    return fail(parts.error());
  }
  std::string joined;
  for (size_t i = 0; i < parts->size(); ++i) {
    const Result<string_view> text = part_text((*parts)[i]);
    if (!text) {
      return fail(text.error());
    }
    joined += i == 0 ? "" : "\n";
    joined += *text;
  }
  return joined;
}

Status parse_content(const JsonView& view, ChatMessage& message) {
  const auto content = view.find("content");
  if (!content) {
    if (message.role != "assistant") {
      return view.refuse_member("content", "is missing");
    }
    return {};
  }
  if (content->is_string()) {
    message.content = std::string(*content->as_string());
    return {};
  }
  if (!content->is_array()) {
    return content->refuse("must be a string or an array of text parts");
  }
  Result<std::string> joined = joined_parts(*content);
  if (!joined) {
    return fail(joined.error());
  }
  message.content = std::move(*joined);
  return {};
}

/// Text of an earlier turn's reasoning under either of its names; anything but text is none.
std::string parse_reasoning(const JsonView& view) {
  for (const string_view key : {"reasoning_content", "reasoning"}) {
    const auto value = view.find(key);
    if (value && value->is_string()) {
      const string_view text = *value->as_string();
      if (text.find_first_not_of(" \t\r\n\v\f") != string_view::npos) {
        return std::string(text);
      }
    }
  }
  return {};
}

Result<std::string> parse_arguments(const JsonView& function) {
  const auto arguments = function.find("arguments");
  if (!arguments) {
    return std::string("{}");
  }
  const Result<string_view> text = arguments->as_string();
  if (!text) {
    return arguments->refuse("must be a string that holds a JSON object");
  }
  if (text->empty()) {
    return std::string("{}");
  }
  const Result<JsonDocument> parsed = JsonDocument::parse(*text);
  if (!parsed || !parsed->root().is_object()) {
    return arguments->refuse("must be a string that holds a JSON object");
  }
  return std::string(*text);
}

Result<ToolCall> parse_tool_call(const JsonView& view) {
  const Result<JsonView> function = required(view, "function");
  if (!function) {
    return fail(function.error());
  }
  ToolCall call;
  Result<std::string> name = required_string(*function, "name");
  if (!name) {
    return fail(name.error());
  }
  call.name = std::move(*name);
  Result<std::string> arguments = parse_arguments(*function);
  if (!arguments) {
    return fail(arguments.error());
  }
  call.arguments = std::move(*arguments);
  Result<std::string> id = string_or(view, "id", "");
  if (!id) {
    return fail(id.error());
  }
  call.id = std::move(*id);
  return call;
}

Status parse_tool_calls(const JsonView& view, ChatMessage& message) {
  const auto calls = view.find("tool_calls");
  if (!calls) {
    return {};
  }
  const auto elements = calls->as_array();
  if (!elements) {
    return fail(elements.error());
  }
  for (const JsonView& element : *elements) {
    Result<ToolCall> call = parse_tool_call(element);
    if (!call) {
      return fail(call.error());
    }
    message.tool_calls.push_back(std::move(*call));
  }
  return {};
}

Result<std::string> parse_role(const JsonView& view) {
  constexpr std::array<string_view, 6> kRoles = {"system",    "developer", "user",
                                                 "assistant", "tool",      "function"};
  Result<std::string> role = required_string(view, "role");
  if (!role) {
    return role;
  }
  if (std::find(kRoles.begin(), kRoles.end(), *role) == kRoles.end()) {
    return view.refuse_member("role", "must be one of system, developer, user, assistant and tool");
  }
  if (*role == "developer") {
    return std::string("system");
  }
  return *role == "function" ? std::string("tool") : std::move(*role);
}

Result<ChatMessage> parse_message(const JsonView& view) {
  if (!view.is_object()) {
    return view.refuse("must be an object with a role");
  }
  ChatMessage message;
  Result<std::string> role = parse_role(view);
  if (!role) {
    return fail(role.error());
  }
  message.role = std::move(*role);
  if (const Status status = parse_content(view, message); !status) {
    return fail(status.error());
  }
  if (message.role == "assistant") {
    message.reasoning = parse_reasoning(view);
    if (const Status status = parse_tool_calls(view, message); !status) {
      return fail(status.error());
    }
  }
  Result<std::string> name = string_or(view, "name", "");
  Result<std::string> call_id = string_or(view, "tool_call_id", "");
  if (!name || !call_id) {
    return fail(name ? call_id.error() : name.error());
  }
  message.name = std::move(*name);
  message.tool_call_id = std::move(*call_id);
  return message;
}

}  // namespace

Result<std::vector<ChatMessage>> parse_messages(const JsonView& messages) {
  const auto elements = messages.as_array();
  if (!elements) {
    return fail(elements.error());
  }
  if (elements->empty()) {
    return messages.refuse("must hold at least one message");
  }
  std::vector<ChatMessage> parsed;
  for (const JsonView& element : *elements) {
    Result<ChatMessage> message = parse_message(element);
    if (!message) {
      return fail(message.error());
    }
    const bool head_system =
        message->role == "system" && parsed.size() == 1 && parsed.front().role == "system";
    if (head_system) {
      *parsed.front().content += "\n\n" + *message->content;
      continue;
    }
    parsed.push_back(std::move(*message));
  }
  return parsed;
}

}  // namespace dak
