#include "dakkar/api/output_reader.h"

#include <utility>

#include "dakkar/api/random_id.h"

namespace dak {
namespace {

/// Spelled-out tags count where a tag that matters has no token.
TagSource source_of(const OutputReading& reading) {
  const auto missing = [&](OutputTag tag) {
    return !reading.form.tags[static_cast<size_t>(tag)].has_value();
  };
  const bool think = reading.form.thinks && missing(OutputTag::kThinkClose);
  const bool call = !reading.tools.empty() && missing(OutputTag::kCallOpen);
  return think || call ? TagSource::kText : TagSource::kTokens;
}

}  // namespace

OutputReader::OutputReader(OutputReading reading)
    : reading_(std::move(reading)),
      parser_({.start = reading_.start,
               .glue = reading_.form.glue,
               .tags = source_of(reading_),
               .tools = &reading_.tools}) {}

std::optional<OutputTag> OutputReader::tag_of(TokenId id) const {
  for (size_t i = 0; i < reading_.form.tags.size(); ++i) {
    const auto tag = static_cast<OutputTag>(i);
    const bool of_call = tag == OutputTag::kCallOpen || tag == OutputTag::kCallClose;
    if (reading_.form.tags[i] == id && !(of_call && reading_.tools.empty())) {
      return tag;
    }
  }
  return std::nullopt;
}

bool OutputReader::full() const {
  return reading_.calls == OutputReading::Calls::kOne && calls_done_ > 0;
}

void OutputReader::take(const OutputEvent& event, ChatDelta& delta) {
  switch (event.kind) {
    case OutputKind::kReasoning:
      if (reading_.reasoning == OutputReading::Reasoning::kInContent) {
        delta.content += event.text;
        visible_ = true;
        return;
      }
      delta.reasoning += event.text;
      if (reading_.empty_content == OutputReading::EmptyContent::kTakesReasoning) {
        reasoning_ += event.text;
      }
      return;
    case OutputKind::kContent:
      delta.content += event.text;
      visible_ = visible_ || event.text.find_first_not_of(" \t\r\n") != std::string::npos;
      return;
    case OutputKind::kCallStart:
      delta.calls.push_back({.index = calls_begun_++,
                             .id = "call_" + random_request_id().substr(0, 24),
                             .name = event.text,
                             .arguments = {}});
      return;
    case OutputKind::kCallArguments:
      if (delta.calls.empty() || !delta.calls.back().id.empty()) {
        delta.calls.push_back({.index = calls_begun_ - 1, .id = {}, .name = {}, .arguments = {}});
      }
      delta.calls.back().arguments += event.text;
      return;
    case OutputKind::kCallEnd:
      ++calls_done_;
      return;
  }
}

void OutputReader::finish() {
  parser_.finish();
  finished_ = true;
}

void OutputReader::drain(ChatDelta& delta) {
  for (const OutputEvent& event : parser_.take()) {
    if (full()) {
      break;
    }
    take(event, delta);
  }
  delta.calls_done = calls_done_;
  if (finished_ && !visible_ && calls_begun_ == 0 && !reasoning_.empty()) {
    delta.content = std::exchange(reasoning_, {});
    delta.content_repeats_reasoning = true;
  }
}

}  // namespace dak
