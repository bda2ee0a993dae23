#include "dakkar/api/openai_tools.h"

#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/api/json_text.h"

namespace dak {
namespace {

/// The members of a tool or of its function that templates may see.
std::vector<std::pair<std::string_view, JsonView>> shown_members(const JsonView& object) {
  std::vector<std::pair<std::string_view, JsonView>> shown;
  const auto members = object.as_object();
  if (!members) {
    return shown;
  }
  for (const auto& member : *members) {
    const auto& [name, value] = member;
    const bool idle_strict = name == "strict" && !value.raw().IsTrue();
    if (!value.is_null() && name != "defer_loading" && !idle_strict) {
      shown.push_back(member);
    }
  }
  return shown;
}

void write_tool(const JsonView& tool, JsonText& json) {
  json.open_object();
  for (const auto& [name, value] : shown_members(tool)) {
    json.key(name);
    if (name != "function") {
      json.raw(json_of(value));
      continue;
    }
    json.open_object();
    for (const auto& [inner_name, inner] : shown_members(value)) {
      json.key(inner_name).raw(json_of(inner));
    }
    json.close_object();
  }
  json.close_object();
}

Result<ToolSignature> signature_of(const JsonView& tool) {
  const Result<std::string> type = string_or(tool, "type", "function");
  if (!type) {
    return fail(type.error());
  }
  if (*type != "function") {
    return tool.refuse_member("type", "must be function: this server runs no other tools");
  }
  const Result<JsonView> function = required(tool, "function");
  if (!function) {
    return fail(function.error());
  }
  Result<std::string> name = required_string(*function, "name");
  if (!name) {
    return fail(name.error());
  }
  if (name->empty()) {
    return function->refuse_member("name", "must not be empty");
  }
  const std::optional<JsonView> schema = function->find("parameters");
  if (schema && !schema->is_object()) {
    return schema->refuse("must be a JSON Schema object");
  }
  return schema ? read_signature(std::move(*name), *schema)
                : ToolSignature{.name = std::move(*name), .parameters = {}};
}

/// Whether replies are searched for calls.
bool wants_calls(FieldReader& fields) {
  const std::optional<JsonView> choice = fields.find("tool_choice");
  if (!choice) {
    return true;
  }
  const std::string_view name = choice->is_string() ? *choice->as_string() : std::string_view();
  if (name == "auto" || name == "none") {
    return name == "auto";
  }
  if (name == "required" || choice->is_object()) {
    fields.refuse(Error{.code = ErrorCode::kUnimplemented,
                        .message = "tool_choice cannot force a call yet on this server: use auto "
                                   "or none",
                        .param = "tool_choice"});
  } else {
    fields.refuse("tool_choice", "must be auto or none");
  }
  return false;
}

}  // namespace

OfferedTools read_tools(FieldReader& fields) {
  OfferedTools offered;
  const bool wanted = wants_calls(fields);
  const std::optional<JsonView> tools = fields.find("tools");
  if (!tools) {
    return offered;
  }
  const auto elements = tools->as_array();
  if (!elements) {
    fields.refuse(elements.error());
    return offered;
  }
  std::vector<ToolSignature> signatures;
  JsonText json;
  json.open_array();
  for (const JsonView& tool : *elements) {
    Result<ToolSignature> signature = signature_of(tool);
    if (!signature) {
      fields.refuse(std::move(signature.error()));
      return offered;
    }
    signatures.push_back(std::move(*signature));
    write_tool(tool, json);
  }
  json.close_array();
  if (!signatures.empty()) {
    offered.json = json.take();
  }
  if (wanted) {
    offered.set = ToolSet(std::move(signatures));
  }
  return offered;
}

}  // namespace dak
