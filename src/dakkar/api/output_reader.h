#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dakkar/api/chat_delta.h"
#include "dakkar/api/output_form.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/output/output_parser.h"

namespace dak {

/// How one choice's reply is read.
struct OutputReading {
  OutputForm form;
  OutputStart start = OutputStart::kContent;
  ToolSet tools;  ///< empty: no calls are looked for
  enum class Reasoning { kApart, kInContent } reasoning = Reasoning::kApart;
  /// What happens to a reply that holds reasoning only.
  enum class EmptyContent { kStays, kTakesReasoning } empty_content = EmptyContent::kStays;
  enum class Calls { kMany, kOne } calls = Calls::kMany;
};

/// Reads one choice's text and tags into the parts of its deltas.
class OutputReader final {
 public:
  explicit OutputReader(OutputReading reading);
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;

  /// The tag that a token is, if it is one.
  [[nodiscard]] std::optional<OutputTag> tag_of(TokenId id) const;
  void push(std::string_view text) { parser_.push(text); }
  void push(OutputTag tag) { parser_.push(tag); }
  /// Ends the reply.
  void finish();
  /// Moves what is known by now into `delta`.
  void drain(ChatDelta& delta);

  [[nodiscard]] bool in_reasoning() const { return parser_.in_reasoning(); }
  /// Whether the one call that was wanted is complete: nothing after it counts.
  [[nodiscard]] bool full() const;

 private:
  void take(const OutputEvent& event, ChatDelta& delta);

  const OutputReading reading_;
  OutputParser parser_;
  int64_t calls_begun_ = 0;
  int64_t calls_done_ = 0;
  bool finished_ = false;
  bool visible_ = false;   ///< content other than white space came
  std::string reasoning_;  ///< kept only where it may have to become the content
};

}  // namespace dak
