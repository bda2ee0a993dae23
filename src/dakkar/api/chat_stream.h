#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dakkar/api/chat_delta.h"
#include "dakkar/api/output_reader.h"
#include "dakkar/base/token_id.h"
#include "dakkar/engine/request.h"
#include "dakkar/text/detokenizer.h"
#include "dakkar/text/tokenizer.h"

namespace dak {

/// How one choice's tokens become text.
struct ChatStreamArgs {
  const Tokenizer* tokenizer = nullptr;  ///< null: no text, ids only
  int64_t choice = 0;
  SkipSpecialTokens skip = SkipSpecialTokens::kYes;
  std::vector<std::string> stop_strings = {};
  std::vector<TokenId> client_stop_ids = {};  ///< the ones that `stop_reason` names
  bool include_stop = false;                  ///< the stop string or token stays in the text
  bool logprobs = false;
  std::optional<OutputReading> reading = {};  ///< absent: everything is content
};

/// Turns one choice's engine events into deltas: text in whole code points, held back while it may
/// still turn out to be the beginning of a stop string, without what stopped it.
///
/// With a reading, text is split into reasoning, content and tool calls, without the tags. The
/// delta that completes the only call wanted has a finish: the rest of the generation does not
/// count. What is held back comes with the next delta or the last. The joined content does not
/// depend on how tokens were grouped into events.
class ChatStream final {
 public:
  explicit ChatStream(ChatStreamArgs args);

  /// Takes the next event, which is no error.
  [[nodiscard]] ChatDelta push(const GenerationEvent& event);

  /// Tokens generated so far, the stop token counted.
  [[nodiscard]] int64_t tokens() const { return tokens_; }

 private:
  void take_token(const GeneratedToken& token, ChatDelta& delta);
  [[nodiscard]] TokenLogprob logprob_of(const GeneratedToken& token) const;
  [[nodiscard]] std::string bytes_of(TokenId id) const;
  [[nodiscard]] size_t held_back() const;
  void end_text(const GenerationEvent& event, ChatDelta& delta);
  void cut_at_stop(const std::string& stop);
  /// Gives out the first `bytes` of what is pending.
  void release(size_t bytes, ChatDelta& delta);
  void take_tag(OutputTag tag, ChatDelta& delta);

  ChatStreamArgs args_;
  std::optional<Detokenizer> detokenizer_;
  std::unique_ptr<OutputReader> reader_;
  std::string pending_;  ///< text not given out yet
  int64_t tokens_ = 0;
  bool started_ = false;
};

}  // namespace dak
