#include "dakkar/api/checkpoint_text.h"

#include <utility>

#include <fmt/core.h>

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
};

CheckpointText::CheckpointText() : parts_(std::make_unique<Parts>()) {}
CheckpointText::CheckpointText(Tokenizer tokenizer) : CheckpointText() {
  parts_->tokenizer.emplace(std::move(tokenizer));
  parts_->bytes.emplace(*parts_->tokenizer);
}
CheckpointText::CheckpointText(CheckpointText&& other) noexcept = default;
CheckpointText& CheckpointText::operator=(CheckpointText&& other) noexcept = default;
CheckpointText::~CheckpointText() = default;

const Tokenizer* CheckpointText::tokenizer() const {
  return parts_->tokenizer ? &*parts_->tokenizer : nullptr;
}

const TokenBytes* CheckpointText::token_bytes() const {
  return parts_->bytes ? &*parts_->bytes : nullptr;
}

bool CheckpointText::has_chat_template() const {
  return false;
}

Result<EncodedPrompt> CheckpointText::encode_chat(const ChatPrompt& chat, PromptStart start) const {
  (void)chat;
  (void)start;
  return fail(ErrorCode::kInvalidArgument,
              "this model has no chat template: use /v1/completions with a prompt instead",
              "messages");
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
