#include "dakkar/api/output_form.h"

#include <string>
#include <string_view>

#include "dakkar/api/template_input.h"

namespace dak {
namespace {

constexpr std::string_view kReasoning = "marked-reasoning";
constexpr std::string_view kContent = "marked-content";

/// The conversation's text, empty when the template does not render it.
std::string render_marks(const ChatTemplate& chat_template) {
  ChatPrompt chat;
  ChatMessage& question = chat.messages.emplace_back();
  question.role = "user";
  question.content = "question";
  ChatMessage& answer = chat.messages.emplace_back();
  answer.role = "assistant";
  answer.content = std::string(kContent);
  answer.reasoning = std::string(kReasoning);
  chat.end = ChatPrompt::End::kNothing;
  TemplateInput input;
  input.clock = local_clock();
  if (!fill_template_input(chat, chat_template, input)) {
    return {};
  }
  const Result<RenderedPrompt> rendered = chat_template.render(input);
  return rendered ? rendered->text : std::string();
}

}  // namespace

OutputForm learn_output_form(const Tokenizer& tokenizer, const ChatTemplate& chat_template) {
  OutputForm form;
  for (size_t i = 0; i < form.tags.size(); ++i) {
    form.tags[i] = tokenizer.id_of(tag_literal(static_cast<OutputTag>(i)));
  }
  const std::string text = render_marks(chat_template);
  const std::string_view close = tag_literal(OutputTag::kThinkClose);
  const size_t reasoning = text.find(kReasoning);
  const size_t tag = reasoning == std::string::npos ? reasoning : text.find(close, reasoning);
  const size_t content = tag == std::string::npos ? tag : text.find(kContent, tag);
  if (content == std::string::npos) {
    return form;
  }
  const size_t reasoning_end = reasoning + kReasoning.size();
  const size_t tag_end = tag + close.size();
  form.thinks = true;
  form.glue = {.before_close = text.substr(reasoning_end, tag - reasoning_end),
               .after_close = text.substr(tag_end, content - tag_end)};
  return form;
}

}  // namespace dak
