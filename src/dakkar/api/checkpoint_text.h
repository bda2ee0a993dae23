#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/api/chat_request.h"
#include "dakkar/api/output_form.h"
#include "dakkar/base/error.h"
#include "dakkar/engine/token_bytes.h"
#include "dakkar/text/chat_template.h"
#include "dakkar/text/tokenizer.h"

namespace dak {

/// What may be set about a checkpoint's text.
struct CheckpointTextOptions {
  std::string template_time;  ///< fixes the templates' clock, `2026-07-04T09:05:03`; empty: now
};

/// A prompt ready for the engine.
struct EncodedPrompt {
  std::vector<TokenId> ids;
  std::string text;  ///< what was encoded; decoded ids where the prompt was ids
};

/// Everything of a checkpoint that turns text into ids and back, loaded once: tokenizer and chat
/// template, either of which may be absent. Immutable, safe from any thread.
class CheckpointText final {
 public:
  /// A checkpoint without tokenizer, as dummy weights are: prompts are ids, replies too.
  CheckpointText();
  /// Loads `tokenizer.json` and the chat template from `folder`; a file that is not there is no
  /// error. Errors: the files' own, a `template_time` that is no time.
  static Result<CheckpointText> load(const std::filesystem::path& folder,
                                     const CheckpointTextOptions& options = {});
  CheckpointText(CheckpointText&& other) noexcept;
  CheckpointText& operator=(CheckpointText&& other) noexcept;
  ~CheckpointText();

  /// Null without one.
  [[nodiscard]] const Tokenizer* tokenizer() const;
  /// Bytes of each token for the engine's stop strings; null without a tokenizer. Valid while this
  /// object stays where it is.
  [[nodiscard]] const TokenBytes* token_bytes() const;
  /// Null without one. The template for requests without tools; `render` takes the other one for
  /// those with.
  [[nodiscard]] const ChatTemplate* chat_template() const;

  /// How replies to chats are built; null without tokenizer or template.
  [[nodiscard]] const OutputForm* output_form() const;

  /// Renders (for chats) and encodes `prompt`.
  ///
  /// Errors (kInvalidArgument, with the field in `param`): text without a tokenizer, messages
  /// without a template, what the template raises, nothing to start from.
  [[nodiscard]] Result<EncodedPrompt> encode(const PromptSource& prompt, PromptStart start) const;

  /// Renders a chat without encoding it. Errors as `encode`.
  [[nodiscard]] Result<RenderedPrompt> render(const ChatPrompt& chat) const;

 private:
  class Parts;
  [[nodiscard]] Result<EncodedPrompt> encode_chat(const ChatPrompt& chat, PromptStart start) const;
  [[nodiscard]] Result<EncodedPrompt> encode_text(const std::string& text, PromptStart start) const;
  std::unique_ptr<Parts> parts_;
};

}  // namespace dak
