#include "dakkar/api/checkpoint_text.h"

#include <utility>

#include "dakkar/api/template_input.h"

namespace dak {
namespace {

class TokenizerBytes final : public TokenBytes {
 public:
  explicit TokenizerBytes(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::string_view bytes_of(TokenId id) const override { return tokenizer_.token_bytes(id); }

 private:
  const Tokenizer& tokenizer_;
};

AddSpecialTokens special_of(PromptStart start) {
  return start == PromptStart::kSpecialTokens ? AddSpecialTokens::kYes : AddSpecialTokens::kNo;
}

}  // namespace

class CheckpointText::Parts final {
 public:
  std::optional<Tokenizer> tokenizer;
  std::optional<TokenizerBytes> bytes;
  std::optional<ChatTemplates> templates;
  std::optional<jinja::ClockTime> clock;
  std::optional<OutputForm> form;
};

CheckpointText::CheckpointText() : parts_(std::make_unique<Parts>()) {}
CheckpointText::CheckpointText(CheckpointText&& other) noexcept = default;
CheckpointText& CheckpointText::operator=(CheckpointText&& other) noexcept = default;
CheckpointText::~CheckpointText() = default;

const Tokenizer* CheckpointText::tokenizer() const {
  return parts_->tokenizer ? &*parts_->tokenizer : nullptr;
}

const TokenBytes* CheckpointText::token_bytes() const {
  return parts_->bytes ? &*parts_->bytes : nullptr;
}

const ChatTemplate* CheckpointText::chat_template() const {
  return parts_->templates ? &parts_->templates->main : nullptr;
}

const OutputForm* CheckpointText::output_form() const {
  return parts_->form ? &*parts_->form : nullptr;
}

Result<CheckpointText> CheckpointText::load(const std::filesystem::path& folder,
                                            const CheckpointTextOptions& options) {
  CheckpointText text;
  std::error_code ignored;
  if (std::filesystem::exists(folder / "tokenizer.json", ignored)) {
    Result<Tokenizer> tokenizer = Tokenizer::load(folder / "tokenizer.json");
    if (!tokenizer) {
      return fail(tokenizer.error());
    }
    text.parts_->tokenizer.emplace(std::move(*tokenizer));
    text.parts_->bytes.emplace(*text.parts_->tokenizer);
  }
  auto templates = load_chat_template(folder);
  if (!templates) {
    return fail(templates.error());
  }
  text.parts_->templates = std::move(*templates);
  if (text.tokenizer() != nullptr && text.chat_template() != nullptr) {
    text.parts_->form = learn_output_form(*text.tokenizer(), *text.chat_template());
  }
  if (!options.template_time.empty()) {
    const Result<jinja::ClockTime> clock = parse_clock(options.template_time);
    if (!clock) {
      return fail_in("--template-time", clock.error());
    }
    text.parts_->clock = *clock;
  }
  return text;
}

Result<RenderedPrompt> CheckpointText::render(const ChatPrompt& chat) const {
  if (tokenizer() == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "this model has no tokenizer: use /v1/completions with a prompt of token ids",
                "messages");
  }
  if (chat_template() == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "this model has no chat template: use /v1/completions with a prompt instead",
                "messages");
  }
  const ChatTemplates& templates = *parts_->templates;
  const ChatTemplate& chosen = chat.tools.empty() ? templates.main : templates.for_tools();
  TemplateInput input;
  if (const Status status = fill_template_input(chat, chosen, input); !status) {
    return fail(status.error());
  }
  input.clock = parts_->clock.value_or(local_clock());
  return chosen.render(input);
}

Result<EncodedPrompt> CheckpointText::encode_chat(const ChatPrompt& chat, PromptStart start) const {
  Result<RenderedPrompt> rendered = render(chat);
  if (!rendered) {
    return fail(rendered.error());
  }
  const std::vector<TextSpan> spans = rendered->text_spans();
  Result<std::vector<TokenId>> ids = tokenizer()->encode_spans(spans, special_of(start));
  if (!ids) {
    return fail(ErrorCode::kInvalidArgument, ids.error().message, "messages");
  }
  if (ids->empty()) {
    return fail(ErrorCode::kInvalidArgument, "messages render to a prompt without tokens",
                "messages");
  }
  return EncodedPrompt{.ids = std::move(*ids), .text = std::move(rendered->text)};
}

Result<EncodedPrompt> CheckpointText::encode_text(const std::string& text,
                                                  PromptStart start) const {
  if (tokenizer() == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                "this model has no tokenizer: give the prompt as an array of token ids", "prompt");
  }
  Result<std::vector<TokenId>> ids = tokenizer()->encode(text, special_of(start));
  if (!ids) {
    return fail(ErrorCode::kInvalidArgument, ids.error().message, "prompt");
  }
  if (ids->empty()) {
    return fail(ErrorCode::kInvalidArgument, "prompt holds no tokens", "prompt");
  }
  return EncodedPrompt{.ids = std::move(*ids), .text = text};
}

Result<EncodedPrompt> CheckpointText::encode(const PromptSource& prompt, PromptStart start) const {
  if (const auto* chat = std::get_if<ChatPrompt>(&prompt)) {
    return encode_chat(*chat, start);
  }
  if (const auto* text = std::get_if<TextPrompt>(&prompt)) {
    return encode_text(text->text, start);
  }
  const auto& ids = std::get<std::vector<TokenId>>(prompt);
  EncodedPrompt encoded{.ids = ids, .text = {}};
  if (tokenizer() != nullptr) {
    encoded.text = tokenizer()->decode(ids, SkipSpecialTokens::kNo);
  }
  return encoded;
}

}  // namespace dak
