#include "dakkar/text/output/output_parser.h"

#include <optional>
#include <utility>

#include "dakkar/text/output/tool_value.h"

namespace dak {
OutputStart output_start(std::string_view prompt) {
  while (!prompt.empty() && is_output_space(prompt.back())) {
    prompt.remove_suffix(1);
  }
  return prompt.ends_with(tag_literal(OutputTag::kThinkOpen)) ? OutputStart::kReasoning
                                                              : OutputStart::kContent;
}

OutputParser::OutputParser(OutputParserArgs args)
    : args_(std::move(args)),
      state_(args_.start == OutputStart::kReasoning ? State::kReasoning : State::kContent),
      call_(args_.tools == nullptr ? no_tools_ : *args_.tools) {}

void OutputParser::push(std::string_view text) {
  text_.add(text);
  run();
}

void OutputParser::push(OutputTag tag) {
  text_.add(tag);
  run();
}

void OutputParser::finish() {
  text_.end();
  run();
  if (state_ == State::kContent) {
    give_content(std::exchange(space_, {}));
  }
}

void OutputParser::run() {
  while (step()) {
  }
}

bool OutputParser::step() {
  switch (state_) {
    case State::kReasoning:
      return text_.left() > 0 && step_reasoning();
    case State::kContent:
      return text_.left() > 0 && step_content();
    case State::kOpened:
      return step_opened();
    case State::kJson:
      return step_json();
    case State::kCall:
      return step_call();
  }
  return false;
}

/// The tag at the front, by token or, where that counts, spelled out.
Match OutputParser::tag_there(OutputTag& tag) const {
  if (const auto token = text_.tag()) {
    tag = *token;
    return {.seen = Seen::kYes, .length = 1};
  }
  Match found;
  if (args_.tags == TagSource::kText && text_.byte() == '<') {
    for (const OutputTag candidate : {OutputTag::kThinkOpen, OutputTag::kThinkClose,
                                      OutputTag::kCallOpen, OutputTag::kCallClose}) {
      const Match match = text_.match(tag_literal(candidate));
      if (match.yes()) {
        tag = candidate;
      }
      found = either(found, match);
    }
  }
  return found;
}

bool OutputParser::take_glue(const std::string& glue) {
  const Match match = text_.match(glue);
  if (match.undecided()) {
    return false;
  }
  glue_pending_ = false;
  text_.skip(match.length);
  return true;
}

bool OutputParser::step_reasoning() {
  OutputTag tag{};
  const Match found = tag_there(tag);
  if (found.undecided()) {
    return false;
  }
  if (found.yes()) {
    return take_tag(tag, found.length);
  }
  anything_ = true;
  const std::string& glue = args_.glue.before_close;
  if (!glue.empty() && text_.byte() == glue.front()) {
    const Match match = text_.match(glue);
    if (match.undecided()) {
      return false;
    }
    if (match.yes()) {
      const Match close =
          args_.tags == TagSource::kText || (match.length < text_.left() && text_.tag(match.length))
              ? text_.match(tag_literal(OutputTag::kThinkClose), match.length)
              : Match{.seen = match.length < text_.left() || text_.ended() ? Seen::kNo
                                                                           : Seen::kUndecided};
      if (close.undecided()) {
        return false;
      }
      if (close.yes()) {
        text_.skip(match.length);
        return true;
      }
    }
  }
  events_.add(OutputKind::kReasoning, text_.take(1));
  return true;
}

/// A tag in reasoning or content.
bool OutputParser::take_tag(OutputTag tag, size_t places) {
  const bool reasoning = state_ == State::kReasoning;
  const bool first = !std::exchange(anything_, true);
  if (tag == OutputTag::kCallOpen && has_tools()) {
    opened_from_ = state_;
    state_ = State::kOpened;
    return true;  // not consumed: it may have to be given out as text
  }
  if (tag == OutputTag::kThinkClose) {
    text_.skip(places);
    if (reasoning) {
      state_ = State::kContent;
      line_start_ = true;
      glue_pending_ = !args_.glue.after_close.empty();
    }
    return true;  // one without reasoning before it says nothing
  }
  if (tag == OutputTag::kThinkOpen && (reasoning ? first : !visible_)) {
    text_.skip(places);
    space_.clear();
    glue_pending_ = false;
    state_ = State::kReasoning;
    return true;
  }
  const std::string literal = text_.take(places);
  if (reasoning) {
    events_.add(OutputKind::kReasoning, literal);
  } else {
    give_content(literal);
  }
  return true;
}

void OutputParser::give_content(std::string_view text) {
  events_.add(OutputKind::kContent, std::exchange(space_, {}));
  events_.add(OutputKind::kContent, text);
  visible_ = visible_ || text.find_first_not_of(" \t\r\n") != std::string_view::npos;
  line_start_ = text.ends_with('\n');
  drop_space_ = false;
  glue_pending_ = false;
}

bool OutputParser::step_content() {
  OutputTag tag{};
  const Match found = tag_there(tag);
  if (found.undecided()) {
    return false;
  }
  if (found.yes()) {
    return take_tag(tag, found.length);
  }
  anything_ = true;
  if (glue_pending_) {
    return take_glue(args_.glue.after_close);
  }
  if (is_output_space(text_.byte())) {
    const std::string space = text_.take(1);
    line_start_ = space == "\n";
    space_ += drop_space_ ? std::string() : space;
    return true;
  }
  if (has_tools() && line_start_ && text_.byte() == '<') {
    const Match open = call_.opens_declared(text_, 0);
    if (open.undecided()) {
      return false;
    }
    if (open.yes()) {
      text_.skip(open.length);
      begin_call();
      return true;
    }
  }
  size_t length = 1;
  while (length < text_.left() && !text_.tag(length) && text_.byte(length) != '<' &&
         !is_output_space(text_.byte(length))) {
    ++length;
  }
  give_content(text_.take(length));
  return true;
}

void OutputParser::begin_call() {
  space_.clear();
  state_ = State::kCall;
  call_.begin();
}

/// Behind `<tool_call>`, which is still the first place of the text.
bool OutputParser::step_opened() {
  const size_t tag = text_.match(tag_literal(OutputTag::kCallOpen)).length;
  const Match space = text_.spaces(tag);
  if (space.undecided()) {
    return false;
  }
  const size_t behind = tag + space.length;
  const Match open = space.yes() ? CallParser::opens(text_, behind) : Match{};
  if (open.undecided()) {
    return false;
  }
  if (open.yes()) {
    text_.skip(behind + open.length);
    begin_call();
    return true;
  }
  const bool json = opened_from_ == State::kContent && space.yes() && behind < text_.left() &&
                    !text_.tag(behind) && text_.byte(behind) == '{';
  if (json) {
    state_ = State::kJson;
    scanned_ = behind;
    return true;
  }
  roll_back(tag);
  return true;
}

/// Gives out places that looked like the beginning of a call as the text that they are.
void OutputParser::roll_back(size_t places) {
  state_ = opened_from_;
  const std::string text = text_.take(places);
  if (state_ == State::kReasoning) {
    events_.add(OutputKind::kReasoning, text);
  } else {
    give_content(text);
  }
}

/// A call as a JSON object with name and arguments, a habit of other models.
bool OutputParser::step_json() {
  const size_t tag = text_.match(tag_literal(OutputTag::kCallOpen)).length;
  Match close;
  while (scanned_ < text_.left() && !close.yes()) {
    close = text_.match(tag_literal(OutputTag::kCallClose), scanned_);
    if (close.undecided()) {
      return false;
    }
    scanned_ += close.yes() ? 0 : 1;
  }
  if (!close.yes() && !text_.ended()) {
    return false;
  }
  TagText copy = text_;
  copy.skip(tag);
  const Result<JsonDocument> document = JsonDocument::parse(copy.take(scanned_ - tag));
  if (document) {
    const std::optional<JsonView> name = document->root().find("name");
    const std::optional<JsonView> arguments = document->root().find("arguments");
    const Result<std::string_view> text =
        name ? name->as_string() : fail(ErrorCode::kInvalidArgument, "no name");
    if (text && arguments && arguments->is_object() && args_.tools->find(*text) != nullptr) {
      space_.clear();
      CallParser::give_whole(*text, spaced_json(arguments->raw()), events_);
      text_.skip(scanned_ + close.length);
      state_ = State::kContent;
      drop_space_ = true;
      line_start_ = true;
      return true;
    }
  }
  roll_back(tag);
  return true;
}

bool OutputParser::step_call() {
  switch (call_.step(text_, events_)) {
    case CallParser::Progress::kMoved:
      return true;
    case CallParser::Progress::kNeedsMore:
      return false;
    case CallParser::Progress::kDone:
      break;
  }
  state_ = State::kContent;
  visible_ = true;
  drop_space_ = true;
  line_start_ = true;
  return true;
}

}  // namespace dak
