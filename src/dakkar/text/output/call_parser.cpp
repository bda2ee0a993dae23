#include "dakkar/text/output/call_parser.h"

#include <algorithm>
#include <utility>

#include "dakkar/text/output/call_syntax.h"
#include "dakkar/text/output/tool_value.h"

namespace dak {
namespace {

constexpr std::string_view kFunction = "<function=";
constexpr std::string_view kParameter = "<parameter=";
constexpr size_t kMaxName = 128;

using Progress = CallParser::Progress;

bool text_byte_at(const TagText& text, size_t ahead) {
  return ahead < text.left() && !text.tag(ahead);
}

}  // namespace

Match CallParser::opens(const TagText& text, size_t ahead) {
  const Match tag = text.match(kFunction, ahead);
  if (!tag.yes()) {
    return tag;
  }
  const size_t name = ahead + tag.length;
  if (name >= text.left()) {
    return {.seen = text.ended() ? Seen::kNo : Seen::kUndecided};
  }
  return text_byte_at(text, name) && is_name_byte(text.byte(name)) ? tag : Match{};
}

Match CallParser::opens_declared(const TagText& text, size_t ahead) const {
  const Match tag = opens(text, ahead);
  if (!tag.yes()) {
    return tag;
  }
  std::string name;
  for (size_t at = ahead + tag.length; name.size() <= kMaxName; ++at) {
    if (at >= text.left()) {
      return {.seen = text.ended() ? Seen::kNo : Seen::kUndecided};
    }
    if (!text_byte_at(text, at)) {
      return {};
    }
    if (text.byte(at) == '>') {
      return tools_.find(name) != nullptr ? tag : Match{};
    }
    name += text.byte(at);
  }
  return {};
}

void CallParser::begin() {
  state_ = State::kName;
  name_.clear();
  keys_.clear();
}

Progress CallParser::step(TagText& text, OutputEvents& out) {
  switch (state_) {
    case State::kName:
      return read_name(text, out);
    case State::kBody:
      return read_body(text, out);
    case State::kValue:
      return read_value(text, out);
    case State::kEnded:
      return read_ended(text, out);
  }
  return Progress::kDone;
}

void CallParser::give_whole(std::string_view name, std::string_view arguments, OutputEvents& out) {
  out.add(OutputKind::kCallStart, name);
  out.add(OutputKind::kCallArguments, arguments);
  out.add(OutputKind::kCallEnd);
}

Progress CallParser::read_name(TagText& text, OutputEvents& out) {
  if (text.left() == 0 && !text.ended()) {
    return Progress::kNeedsMore;
  }
  if (text_byte_at(text, 0) && is_name_byte(text.byte()) && name_.size() < kMaxName) {
    name_ += text.take(1);
    return Progress::kMoved;
  }
  if (text_byte_at(text, 0) && text.byte() == '>') {
    text.skip(1);
  }
  tool_ = tools_.find(name_);
  out.add(OutputKind::kCallStart, name_);
  state_ = State::kBody;
  return Progress::kMoved;
}

Progress CallParser::read_body(TagText& text, OutputEvents& out) {
  if (text.left() == 0) {
    return text.ended() ? end_call(out) : Progress::kNeedsMore;
  }
  if (const Match key = text.match(kParameter); key.yes()) {
    return read_key(text, out);
  } else if (key.undecided()) {
    return Progress::kNeedsMore;
  }
  if (const Match end = text.match("</function>"); end.yes()) {
    text.skip(end.length);
    state_ = State::kEnded;
    return Progress::kMoved;
  } else if (end.undecided()) {
    return Progress::kNeedsMore;
  }
  const Match close = text.match("</tool_call>");
  const Match next = either(text.match("<tool_call>"), opens_declared(text, 0));
  if (close.yes() || next.yes()) {
    state_ = State::kEnded;
    return Progress::kMoved;
  }
  if (close.undecided() || next.undecided()) {
    return Progress::kNeedsMore;
  }
  text.skip(1);  // white space, or words that belong nowhere
  return Progress::kMoved;
}

Progress CallParser::read_key(TagText& text, OutputEvents& out) {
  const size_t begin = text.match(kParameter).length;
  size_t length = 0;
  while (text_byte_at(text, begin + length) && text.byte(begin + length) != '>' &&
         text.byte(begin + length) != '\n' && length < kMaxName) {
    ++length;
  }
  if (begin + length >= text.left() && !text.ended() && length < kMaxName) {
    return Progress::kNeedsMore;
  }
  const bool closed = text_byte_at(text, begin + length) && text.byte(begin + length) == '>';
  text.skip(begin);
  begin_value(text.take(length), out);
  if (closed) {
    text.skip(1);
  }
  return Progress::kMoved;
}

bool CallParser::seen(std::string_view key) const {
  return std::find(keys_.begin(), keys_.end(), key) != keys_.end();
}

void CallParser::begin_value(std::string key, OutputEvents& out) {
  state_ = State::kValue;
  newline_pending_ = true;
  last_ = '\n';
  value_.clear();
  // A value that was given out cannot be taken back, so the first one of a key counts.
  dropped_ = seen(key);
  if (dropped_) {
    return;
  }
  types_ = tool_ == nullptr ? ValueTypes{} : tool_->types_of(key);
  out.add(OutputKind::kCallArguments,
          (keys_.empty() ? "{" : ", ") + json_quote(key) + (types_.plain_string() ? ": \"" : ": "));
  keys_.push_back(std::move(key));
}

void CallParser::add_to_value(std::string_view piece, OutputEvents& out) {
  last_ = piece.back();
  if (dropped_) {
    return;
  }
  if (types_.plain_string()) {
    out.add(OutputKind::kCallArguments, json_inner(piece));
  } else {
    value_ += piece;
  }
}

void CallParser::end_value(OutputEvents& out) {
  if (!dropped_) {
    out.add(OutputKind::kCallArguments,
            types_.plain_string() ? std::string("\"") : value_to_json(value_, types_));
  }
  state_ = State::kBody;
}

Match CallParser::unseen_parameter(const TagText& text, size_t ahead) const {
  const Match tag = text.match(kParameter, ahead);
  if (!tag.yes() || tool_ == nullptr) {
    return tool_ == nullptr ? Match{} : tag;
  }
  Match found;
  for (const ToolParameter& parameter : tool_->parameters) {
    if (!seen(parameter.name)) {
      found = either(found, text.match(parameter.name + ">", ahead + tag.length));
    }
  }
  return {.seen = found.seen};
}

/// Answers for a place of the value behind the byte `before`. The length covers what closes the
/// value; a tag that only shows that the closing is missing is left to be read.
Match CallParser::value_ends(const TagText& text, size_t ahead, char before) const {
  Match found = parameter_ends(text, ahead);
  const Match function = function_ends(text, ahead);
  found = either(found, {.seen = function.seen});
  const Match call = output_ends_with_call(text, ahead);
  found = either(found, {.seen = call.seen});
  if (before == '\n') {
    found = either(found, unseen_parameter(text, ahead));
  }
  return found;
}

Progress CallParser::read_value(TagText& text, OutputEvents& out) {
  if (text.left() == 0) {
    if (!text.ended()) {
      return Progress::kNeedsMore;
    }
    end_value(out);
    return Progress::kMoved;
  }
  if (std::exchange(newline_pending_, false) && text_byte_at(text, 0) && text.byte() == '\n') {
    // An empty value has this line feed and none before its end.
    text.skip(1);
    return Progress::kMoved;
  }
  const bool newline = text_byte_at(text, 0) && text.byte() == '\n';
  const size_t at = newline ? 1 : 0;
  Match end = value_ends(text, at, newline ? '\n' : last_);
  if (newline && text.left() == 1 && text.ended()) {
    end = {.seen = Seen::kYes};
  }
  if (end.undecided()) {
    return Progress::kNeedsMore;
  }
  if (end.yes()) {
    text.skip(at + end.length);
    end_value(out);
    return Progress::kMoved;
  }
  size_t length = 1;
  while (text_byte_at(text, 0) && length < text.left() && text_byte_at(text, length) &&
         text.byte(length) != '\n' && text.byte(length) != '<') {
    ++length;
  }
  add_to_value(text.take(length), out);
  return Progress::kMoved;
}

Progress CallParser::read_ended(TagText& text, OutputEvents& out) {
  const Match space = text.spaces();
  if (space.undecided()) {
    return Progress::kNeedsMore;
  }
  const Match close = text.match("</tool_call>", space.length);
  if (close.undecided()) {
    return Progress::kNeedsMore;
  }
  if (close.yes()) {
    text.skip(space.length + close.length);
  }
  return end_call(out);
}

Progress CallParser::end_call(OutputEvents& out) {
  out.add(OutputKind::kCallArguments, keys_.empty() ? "{}" : "}");
  out.add(OutputKind::kCallEnd);
  return Progress::kDone;
}

}  // namespace dak
