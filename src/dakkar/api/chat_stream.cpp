#include "dakkar/api/chat_stream.h"

#include <algorithm>
#include <utility>

namespace dak {
namespace {

constexpr float kLogprobFloor = -9999.0F;

/// Bytes at the end of `text` that are the beginning of `stop`, all of `stop` not counted.
size_t overlap(std::string_view text, std::string_view stop) {
  size_t length = std::min(text.size(), stop.size() - 1);
  while (length > 0 && !text.ends_with(stop.substr(0, length))) {
    --length;
  }
  return length;
}

}  // namespace

ChatStream::ChatStream(ChatStreamArgs args) : args_(std::move(args)) {
  if (args_.tokenizer != nullptr) {
    detokenizer_.emplace(*args_.tokenizer, args_.skip);
  }
  if (detokenizer_ && args_.reading) {
    reader_ = std::make_unique<OutputReader>(std::move(*args_.reading));
  }
}

std::string ChatStream::bytes_of(TokenId id) const {
  return args_.tokenizer == nullptr ? std::string() : std::string(args_.tokenizer->token_bytes(id));
}

TokenLogprob ChatStream::logprob_of(const GeneratedToken& token) const {
  TokenLogprob entry{.id = token.id,
                     .bytes = bytes_of(token.id),
                     .logprob = std::max(token.logprob, kLogprobFloor),
                     .top = {}};
  for (const auto& [id, logprob] : token.top) {
    entry.top.push_back(
        {.id = id, .bytes = bytes_of(id), .logprob = std::max(logprob, kLogprobFloor), .top = {}});
  }
  return entry;
}

void ChatStream::take_token(const GeneratedToken& token, ChatDelta& delta) {
  ++tokens_;
  delta.ids.push_back(token.id);
  if (args_.logprobs) {
    delta.logprobs.push_back(logprob_of(token));
  }
}

size_t ChatStream::held_back() const {
  size_t held = 0;
  for (const std::string& stop : args_.stop_strings) {
    held = std::max(held, overlap(pending_, stop));
  }
  return held;
}

/// Everything that came before the last token was given out as far as it could not begin `stop`, so
/// its first occurrence in what is left is the one that ended the choice.
void ChatStream::cut_at_stop(const std::string& stop) {
  const size_t begin = pending_.find(stop);
  if (begin != std::string::npos) {
    pending_.resize(begin + (args_.include_stop ? stop.size() : 0));
  } else if (!args_.include_stop) {
    pending_.resize(pending_.size() - overlap(pending_, stop));
  }
}

void ChatStream::end_text(const GenerationEvent& event, ChatDelta& delta) {
  delta.finish = event.finish;
  if (detokenizer_) {
    pending_ += detokenizer_->flush();
  }
  if (!event.stop_string.empty()) {
    cut_at_stop(event.stop_string);
    delta.stop_reason = event.stop_string;
  } else if (event.stop_id) {
    const auto& ids = args_.client_stop_ids;
    if (std::find(ids.begin(), ids.end(), *event.stop_id) != ids.end()) {
      delta.stop_reason = *event.stop_id;
    }
  }
  release(pending_.size(), delta);
  if (reader_) {
    reader_->finish();
    reader_->drain(delta);
  }
}

void ChatStream::release(size_t bytes, ChatDelta& delta) {
  if (reader_) {
    reader_->push(std::string_view(pending_).substr(0, bytes));
  } else {
    delta.content.append(pending_, 0, bytes);
  }
  pending_.erase(0, bytes);
}

/// A stop string ends before a tag or behind it, so nothing has to be held any longer.
void ChatStream::take_tag(OutputTag tag, ChatDelta& delta) {
  pending_ += detokenizer_->flush();
  release(pending_.size(), delta);
  reader_->push(tag);
}

ChatDelta ChatStream::push(const GenerationEvent& event) {
  ChatDelta delta;
  delta.choice = args_.choice;
  delta.first = !std::exchange(started_, true);
  for (size_t i = 0; i < event.tokens.size(); ++i) {
    take_token(event.tokens[i], delta);
    const bool is_stop = event.stop_id.has_value() && i + 1 == event.tokens.size();
    if (!detokenizer_ || (is_stop && !args_.include_stop)) {
      continue;
    }
    const TokenId id = event.tokens[i].id;
    if (const auto tag = reader_ ? reader_->tag_of(id) : std::nullopt) {
      take_tag(*tag, delta);
      continue;
    }
    delta.reasoning_tokens += reader_ && reader_->in_reasoning() ? 1 : 0;
    pending_ += detokenizer_->push(id);
  }
  if (event.finish) {
    end_text(event, delta);
    return delta;
  }
  release(pending_.size() - held_back(), delta);
  if (reader_) {
    reader_->drain(delta);
    if (reader_->full()) {
      delta.finish = FinishReason::kStop;
    }
  }
  return delta;
}

}  // namespace dak
