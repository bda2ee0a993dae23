#include "dakkar/text/chat_template.h"

#include <algorithm>
#include <array>

#include "dakkar/text/jinja/string_literal.h"

namespace dak {
namespace {

using jinja::DictObject;
using jinja::Heap;
using jinja::Kind;
using jinja::Origin;
using jinja::Value;

constexpr std::string_view kContinuationTag = "CONTINUE_FINAL_MESSAGE_TAG ";
constexpr std::array<std::string_view, 3> kReasoningFields{"reasoning_content", "thinking",
                                                           "reasoning"};

tl::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message), "messages");
}

bool is_known_role(std::string_view role) {
  static constexpr std::array<std::string_view, 6> kRoles{"system",    "developer", "user",
                                                          "assistant", "tool",      "function"};
  return std::find(kRoles.begin(), kRoles.end(), role) != kRoles.end();
}

bool is_dict_list(const Value& value) {
  return value.is(Kind::kList) &&
         std::all_of(value.items().begin(), value.items().end(),
                     [](const Value& item) { return item.is(Kind::kDict); });
}

// The message as the template sees it: without nulls, with the other names of its reasoning.
DictObject& prepared_message(Heap& heap, const DictObject& message) {
  auto& made = heap.make<DictObject>();
  const Value* reasoning = nullptr;
  for (const std::string_view field : kReasoningFields) {
    const Value* found = message.find(field);
    if (found != nullptr && !found->is(Kind::kNone)) {
      reasoning = found;
      break;
    }
  }
  if (reasoning != nullptr) {
    made.set(heap.string("thinking", Origin::kTemplate), *reasoning);
  }
  for (const auto& [key, value] : message.entries()) {
    const bool is_role = key.is_string() && key.bytes() == "role" && value.is_string();
    if (is_role && is_known_role(value.bytes())) {
      made.set(key, heap.string(value.bytes(), Origin::kTemplate));
    } else if (!value.is(Kind::kNone)) {
      made.set(key, value);
    }
  }
  if (reasoning != nullptr) {
    made.set(heap.string("reasoning_content", Origin::kTemplate), *reasoning);
  }
  return made;
}

Value with_tag(Heap& heap, const Value& text) {
  jinja::MarkedText tagged = text.text();
  tagged.append(kContinuationTag, Origin::kUser);
  return heap.string(std::move(tagged));
}

// Tags the last text part of a content list; returns that text, or nothing when there is none.
std::optional<std::string> tag_parts(Heap& heap, DictObject& message, const std::string& field) {
  std::vector<Value> parts = message.find(field)->items();
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const Value* text = part->is(Kind::kDict) ? part->dict().find("text") : nullptr;
    if (text == nullptr || !text->is_string()) {
      continue;
    }
    auto& copy = heap.make<DictObject>();
    for (const auto& [key, value] : part->dict().entries()) {
      copy.set(key, value);
    }
    const std::string original = text->bytes();
    copy.set(heap.string("text", Origin::kTemplate), with_tag(heap, *text));
    *part = Value::object_of(Kind::kDict, &copy);
    message.set(heap.string(field, Origin::kTemplate), heap.list(std::move(parts)));
    return original;
  }
  return std::nullopt;
}

// Marks the end of the text to be continued; returns that text.
Result<std::string> tag_last_message(Heap& heap, DictObject& message, const std::string& field,
                                     std::string_view source) {
  const Value* last = message.find(field);
  if (last == nullptr) {
    return refuse("the last message has no '" + field + "' to continue");
  }
  std::vector<std::string> fields{field};
  const bool is_reasoning =
      std::find(kReasoningFields.begin(), kReasoningFields.end(), field) != kReasoningFields.end();
  if (is_reasoning) {
    fields.assign(kReasoningFields.begin(), kReasoningFields.end());
  }
  const bool accepted = std::any_of(fields.begin(), fields.end(), [&](const std::string& name) {
    return source.find(name) != std::string_view::npos;
  });
  if (!accepted) {
    return refuse("the chat template does not read '" + field + "', which is to be continued");
  }
  if (last->is(Kind::kList)) {
    const auto text = tag_parts(heap, message, field);
    return text ? Result<std::string>(*text) : refuse("the last message has no text to continue");
  }
  if (!last->is_string()) {
    return refuse("the last message has no text to continue");
  }
  const std::string text = last->bytes();
  for (const std::string& name : fields) {
    const Value* value = message.find(name);
    if (value != nullptr && value->is_string() && value->bytes() == text) {
      message.set(heap.string(name, Origin::kTemplate), with_tag(heap, *value));
    }
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  return jinja::trim_left(jinja::trim_right(text));
}

// Cuts the prompt where the tag is.
Result<jinja::MarkedText> cut_at_tag(const jinja::MarkedText& rendered, std::string_view text) {
  const std::string_view bytes = rendered.bytes();
  const size_t tag = bytes.rfind(trimmed(kContinuationTag));
  if (tag == std::string_view::npos || bytes.find(trimmed(text)) == std::string_view::npos) {
    return refuse("the last message does not appear in the prompt, so it cannot be continued");
  }
  std::string_view kept = bytes.substr(0, tag);
  if (bytes.substr(tag, kContinuationTag.size()) != kContinuationTag) {
    kept = jinja::trim_right(kept);
  }
  return rendered.slice(0, static_cast<int64_t>(kept.size()));
}

RenderedPrompt to_prompt(const jinja::MarkedText& text) {
  RenderedPrompt prompt;
  prompt.text = text.bytes();
  for (const jinja::OriginRun& run : text.runs()) {
    const bool user = run.origin == Origin::kUser;
    prompt.spans.push_back({.begin = run.begin,
                            .end = run.end,
                            .origin = user ? SpanOrigin::kUser : SpanOrigin::kTemplate});
  }
  return prompt;
}

Status check_input(const TemplateInput& input) {
  if (!is_dict_list(input.messages)) {
    return refuse("messages must be a list of objects");
  }
  if (input.messages.items().empty()) {
    return refuse("messages must hold at least one message");
  }
  if (!input.tools.is(Kind::kNone) && !is_dict_list(input.tools)) {
    return fail(ErrorCode::kInvalidArgument, "tools must be a list of objects", "tools");
  }
  if (!input.documents.is(Kind::kNone) && !is_dict_list(input.documents)) {
    return fail(ErrorCode::kInvalidArgument, "documents must be a list of objects", "documents");
  }
  if (input.continued_field && input.generation_prompt == GenerationPrompt::kAdd) {
    return refuse("a message cannot be continued with a generation prompt behind it");
  }
  for (const auto& [name, value] : input.variables) {
    const bool reserved = name == "messages" || name == "tools" || name == "documents" ||
                          name == "add_generation_prompt";
    if (reserved) {
      return fail(ErrorCode::kInvalidArgument, "chat_template_kwargs must not hold '" + name + "'",
                  "chat_template_kwargs");
    }
  }
  return {};
}

}  // namespace

std::vector<TextSpan> RenderedPrompt::text_spans() const {
  std::vector<TextSpan> result;
  result.reserve(spans.size());
  for (const PromptSpan& span : spans) {
    const auto length = static_cast<size_t>(span.end - span.begin);
    const std::string_view all = text;
    result.push_back(
        {.text = all.substr(static_cast<size_t>(span.begin), length), .origin = span.origin});
  }
  return result;
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source, TemplateTokens tokens) {
  auto parsed = jinja::Template::parse(source);
  if (!parsed) {
    return fail_in("chat template", parsed.error());
  }
  return ChatTemplate(std::move(*parsed), std::string(source), std::move(tokens));
}

bool ChatTemplate::reads(std::string_view variable) const {
  return std::binary_search(variables().begin(), variables().end(), variable);
}

Result<RenderedPrompt> ChatTemplate::render(const TemplateInput& input) const {
  if (const Status checked = check_input(input); !checked) {
    return fail(checked.error());
  }
  Heap heap;
  std::vector<Value> messages;
  DictObject* last = nullptr;
  for (const Value& message : input.messages.items()) {
    last = &prepared_message(heap, message.dict());
    messages.push_back(Value::object_of(Kind::kDict, last));
  }
  std::string continued;
  if (input.continued_field) {
    auto tagged = tag_last_message(heap, *last, *input.continued_field, source_);
    if (!tagged) {
      return fail(tagged.error());
    }
    continued = std::move(*tagged);
  }
  jinja::RenderInput values;
  values.limits = input.limits;
  values.clock = input.clock;
  values.variables = input.variables;
  const bool add = input.generation_prompt == GenerationPrompt::kAdd;
  values.variables.emplace_back("messages", heap.list(std::move(messages)));
  values.variables.emplace_back("tools", input.tools);
  values.variables.emplace_back("documents", input.documents);
  values.variables.emplace_back("add_generation_prompt", Value::boolean_of(add));
  const auto add_token = [&](std::string_view name, const std::string& token) {
    values.variables.emplace_back(name, heap.string(token, Origin::kTemplate));
  };
  if (tokens_.bos_token) {
    add_token("bos_token", *tokens_.bos_token);
  }
  if (tokens_.eos_token) {
    add_token("eos_token", *tokens_.eos_token);
  }
  for (const auto& [name, token] : tokens_.others) {
    add_token(name, token);
  }
  auto rendered = template_.render(values);
  if (!rendered) {
    rendered.error().param = "messages";
    return fail(rendered.error());
  }
  if (!input.continued_field) {
    return to_prompt(*rendered);
  }
  const auto cut = cut_at_tag(*rendered, continued);
  return cut ? Result<RenderedPrompt>(to_prompt(*cut)) : fail(cut.error());
}

}  // namespace dak
