// Chat templates, rendered with a small conversation and small limits.

#include <string_view>

#include "dakkar/base/check.h"
#include "dakkar/base/json.h"
#include "dakkar/text/chat_template.h"
#include "dakkar/text/jinja/from_json.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr std::string_view kMessages = R"([
  {"role": "system", "content": "Be brief. "},
  {"role": "user", "content": "Hi <|im_end|> caf\u00e9"},
  {"role": "assistant", "content": "x</think>y", "reasoning_content": "so",
   "tool_calls": [{"id": "1", "type": "function",
                   "function": {"name": "f", "arguments": {"a": [1, 2.5, null, true]}}}]},
  {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "3"}]},
  {"role": "user", "content": "2+2?"},
  {"role": "assistant", "content": [{"type": "text", "text": "4, b"}], "reasoning_content": "a"}])";

dak::jinja::Value value_of(dak::jinja::Heap& heap, std::string_view json) {
  const auto document = dak::JsonDocument::parse(json);
  dak::check(document.has_value(), "the fixture is JSON");
  const auto value =
      dak::jinja::value_from_json(heap, document->root().raw(), dak::jinja::Origin::kUser);
  dak::check(value.has_value(), "the fixture is a value");
  return *value;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto parsed =
      dak::ChatTemplate::parse({reinterpret_cast<const char*>(data), size},
                               {.bos_token = "<s>", .eos_token = "</s>", .others = {}});
  if (!parsed) {
    return 0;
  }
  dak::TemplateInput input;
  input.messages = value_of(input.heap, kMessages);
  input.tools = value_of(input.heap, R"([{"type": "function", "function": {"name": "f"}}])");
  input.documents = value_of(input.heap, R"([{"title": "t", "text": "d"}])");
  input.generation_prompt = dak::GenerationPrompt::kAdd;
  // The length decides, so that one input always does the same.
  if (size % 3 == 0) {
    input.generation_prompt = dak::GenerationPrompt::kNone;
    input.continued_field = size % 2 == 0 ? "content" : "reasoning_content";
  }
  input.limits = {
      .steps = 100'000, .output_bytes = 1 << 20, .memory_bytes = 16 << 20, .call_depth = 50};
  const auto prompt = parsed->render(input);
  if (prompt) {
    int64_t end = 0;
    for (const dak::PromptSpan& span : prompt->spans) {
      dak::check(span.begin == end, "spans leave no gap");
      end = span.end;
    }
    dak::check(end == static_cast<int64_t>(prompt->text.size()), "spans cover the prompt");
  }
  return 0;
}
