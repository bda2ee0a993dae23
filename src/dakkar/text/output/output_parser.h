#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dakkar/text/output/call_parser.h"
#include "dakkar/text/output/output_event.h"
#include "dakkar/text/output/tag_text.h"
#include "dakkar/text/output/tool_set.h"

namespace dak {

/// What a chat template puts around reasoning, learnt from the template: the parser takes exactly
/// that off again, once, so that a reply sent back renders to the same tokens.
struct ThinkGlue {
  std::string before_close;  ///< between the reasoning and `</think>`
  std::string after_close;   ///< between `</think>` and the content
};

/// Where an output begins: said by the prompt's end, not by flags (spec/serving.md 8.1).
enum class OutputStart { kReasoning, kContent };
/// `kReasoning` if `prompt` ends in `<think>` and white space.
[[nodiscard]] OutputStart output_start(std::string_view prompt);

/// Whether tags count only as tokens, or also when they are spelled out in text (for vocabularies
/// without them).
enum class TagSource { kTokens, kText };

/// How to read an output.
struct OutputParserArgs {
  OutputStart start = OutputStart::kContent;
  ThinkGlue glue;
  TagSource tags = TagSource::kTokens;
  const ToolSet* tools = nullptr;  ///< null or empty: no calls are looked for; outlives the parser
};

/// Splits a model's output into reasoning, content and tool calls as it arrives
/// (spec/serving.md 8.2, 9.1).
///
/// The joined events are the same however the output was cut into pieces. Text is held back only
/// while it could still be a tag, white space before one, or the beginning of a call.
class OutputParser final {
 public:
  explicit OutputParser(OutputParserArgs args);

  /// Takes text in whole code points, or a tag.
  void push(std::string_view text);
  void push(OutputTag tag);
  /// Ends the output: what is held is decided, an open call is closed.
  void finish();
  /// What came out since the last call.
  [[nodiscard]] std::vector<OutputEvent> take() { return events_.take(); }

  /// Whether the next token belongs to the reasoning.
  [[nodiscard]] bool in_reasoning() const { return state_ == State::kReasoning; }

 private:
  enum class State { kReasoning, kContent, kOpened, kJson, kCall };

  void run();
  /// Consumes something; false when it cannot without more.
  bool step();
  bool step_reasoning();
  bool step_content();
  bool step_opened();
  bool step_json();
  bool step_call();
  bool take_tag(OutputTag tag, size_t places);
  bool take_glue(const std::string& glue);
  [[nodiscard]] Match tag_there(OutputTag& tag) const;
  [[nodiscard]] bool has_tools() const { return args_.tools != nullptr && !args_.tools->empty(); }
  void give_content(std::string_view text);
  void begin_call();
  void roll_back(size_t places);

  const OutputParserArgs args_;
  const ToolSet no_tools_;
  TagText text_;
  OutputEvents events_;
  State state_;
  State opened_from_ = State::kContent;
  CallParser call_;
  std::string space_;          ///< of the content, not given out yet
  bool anything_ = false;      ///< the output has begun
  bool visible_ = false;       ///< content that is no white space was given out
  bool glue_pending_ = false;  ///< `after_close` may follow
  bool drop_space_ = false;    ///< white space behind a call is not content
  bool line_start_ = true;
  size_t scanned_ = 0;  ///< places of a JSON call that hold no closing tag
};

}  // namespace dak
