#include "dakkar/text/tokenizer/decoder.h"

#include <algorithm>
#include <optional>

#include "dakkar/text/tokenizer/byte_alphabet.h"

namespace dak::tok {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

std::string bytes_of(std::string_view token) {
  std::optional<std::string> bytes = bytes_of_letters(token);
  return bytes ? std::move(*bytes) : std::string(token);
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? std::optional<int>(lower - 'a' + 10) : std::nullopt;
}

/// The byte of `<0xAB>`. The library's number parser also takes a plus sign for the first digit.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') {
    return std::nullopt;
  }
  const std::optional<int> high = token[3] == '+' ? 0 : hex_digit(token[3]);
  const std::optional<int> low = hex_digit(token[4]);
  if (!high || !low) {
    return std::nullopt;
  }
  return static_cast<char>(*high * 16 + *low);
}

std::string replaced(const ReplaceDecode& step, std::string_view text) {
  std::vector<Match> matches;
  if (!step.pattern.find_all(text, matches)) {
    return std::string(text);
  }
  std::string out;
  for (const Match& match : matches) {
    out += match.matched ? std::string_view(step.content)
                         : text.substr(static_cast<size_t>(match.begin),
                                       static_cast<size_t>(match.end - match.begin));
  }
  return out;
}

std::string_view stripped(const StripDecode& step, std::string_view text) {
  std::string content;
  append_utf8(step.content, content);
  for (int64_t i = 0; i < step.start && text.starts_with(content); ++i) {
    text.remove_prefix(content.size());
  }
  for (int64_t i = 0; i < step.stop && text.ends_with(content); ++i) {
    text.remove_suffix(content.size());
  }
  return text;
}

/// Whether a text is the first of its list.
enum class Place { kFirst, kLater };

std::string without_marks(const MetaspaceDecode& step, Place place, std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    if (c.value != step.mark) {
      out += text.substr(0, static_cast<size_t>(c.size));
    } else if (place == Place::kLater || !step.drops_first) {
      out += ' ';
    }
    text.remove_prefix(static_cast<size_t>(c.size));
  }
  return out;
}

bool joins(const DecoderStep& step) {
  return std::holds_alternative<ByteLevelDecode>(step) ||
         std::holds_alternative<FuseDecode>(step) || std::holds_alternative<JoinWithSpaces>(step);
}

/// Whether the step can take a joined text in parts; others wait for its end.
bool streams(const DecoderStep& step) {
  return std::holds_alternative<FuseDecode>(step) || std::holds_alternative<StripDecode>(step);
}

}  // namespace

std::string Decoder::token_bytes(std::string_view token) const {
  std::string bytes(token);
  for (const DecoderStep& step : steps) {
    if (std::holds_alternative<ByteLevelDecode>(step)) {
      return bytes_of(bytes);
    }
    if (std::holds_alternative<FuseDecode>(step)) {
      return bytes;
    }
    if (const auto* metaspace = std::get_if<MetaspaceDecode>(&step)) {
      bytes = without_marks(*metaspace, Place::kLater, bytes);
    } else if (const auto* replace = std::get_if<ReplaceDecode>(&step)) {
      bytes = replaced(*replace, bytes);
    } else if (const auto* strip = std::get_if<StripDecode>(&step)) {
      bytes = stripped(*strip, bytes);
    } else if (const std::optional<char> byte = fallback_byte(bytes);
               byte && std::holds_alternative<ByteFallbackDecode>(step)) {
      return std::string(1, *byte);
    }
  }
  return bytes;
}

DecoderRun::DecoderRun(const Decoder& decoder) : decoder_(&decoder), states_(decoder.steps.size()) {
  for (size_t i = 1; i < states_.size(); ++i) {
    states_[i].after_join = states_[i - 1].after_join || joins(decoder.steps[i - 1]);
  }
}

void DecoderRun::push(std::string_view token, std::string& out) {
  feed(0, token, out);
}

void DecoderRun::finish(std::string& out) {
  for (size_t i = 0; i < states_.size(); ++i) {
    end(i, out);
    states_[i].began = false;
    states_[i].held.clear();
    states_[i].cut = 0;
  }
}

void DecoderRun::feed(size_t index, std::string_view text, std::string& out) {
  if (index == states_.size()) {
    out += text;
    return;
  }
  const DecoderStep& step = decoder_->steps[index];
  if (states_[index].after_join && !streams(step)) {
    states_[index].held += text;
    return;
  }
  std::visit([&](const auto& alternative) { run(alternative, index, text, out); }, step);
  states_[index].began = true;
}

/// Lets go of what step `index` holds; the steps before it have ended.
void DecoderRun::end(size_t index, std::string& out) {
  const DecoderStep& step = decoder_->steps[index];
  StepState& state = states_[index];
  if (state.after_join && !streams(step)) {
    const std::string whole = std::move(state.held);
    state.held.clear();
    std::visit([&](const auto& alternative) { run(alternative, index, whole, out); }, step);
  }
  if (std::holds_alternative<ByteLevelDecode>(step)) {
    std::string rest;
    state.assembler.finish(rest);
    feed(index + 1, rest, out);
  } else if (std::holds_alternative<ByteFallbackDecode>(step)) {
    release_byte_run(index, out);
  }
}

void DecoderRun::run(const ByteLevelDecode&, size_t index, std::string_view text,
                     std::string& out) {
  std::string part;
  states_[index].assembler.push(bytes_of(text), part);
  feed(index + 1, part, out);
}

void DecoderRun::run(const ByteFallbackDecode&, size_t index, std::string_view text,
                     std::string& out) {
  if (const std::optional<char> byte = fallback_byte(text)) {
    states_[index].held += *byte;
    return;
  }
  release_byte_run(index, out);
  feed(index + 1, text, out);
}

void DecoderRun::release_byte_run(size_t index, std::string& out) {
  const std::string bytes = std::move(states_[index].held);
  states_[index].held.clear();
  if (is_utf8(bytes)) {
    if (!bytes.empty()) {
      feed(index + 1, bytes, out);
    }
    return;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    feed(index + 1, kReplacement, out);
  }
}

void DecoderRun::run(const FuseDecode&, size_t index, std::string_view text, std::string& out) {
  feed(index + 1, text, out);
}

void DecoderRun::run(const JoinWithSpaces&, size_t index, std::string_view text, std::string& out) {
  if (states_[index].began) {
    feed(index + 1, " ", out);
  }
  feed(index + 1, text, out);
}

void DecoderRun::run(const MetaspaceDecode& step, size_t index, std::string_view text,
                     std::string& out) {
  const Place place = states_[index].began ? Place::kLater : Place::kFirst;
  feed(index + 1, without_marks(step, place, text), out);
}

void DecoderRun::run(const ReplaceDecode& step, size_t index, std::string_view text,
                     std::string& out) {
  feed(index + 1, replaced(step, text), out);
}

void DecoderRun::run(const StripDecode& step, size_t index, std::string_view text,
                     std::string& out) {
  if (states_[index].after_join) {
    strip_joined(step, index, text, out);
  } else {
    feed(index + 1, stripped(step, text), out);
  }
}

/// Cuts the front of a joined text as it comes and holds back what may be its end.
void DecoderRun::strip_joined(const StripDecode& step, size_t index, std::string_view text,
                              std::string& out) {
  StepState& state = states_[index];
  std::string content;
  append_utf8(step.content, content);
  while (state.cut >= 0 && state.cut < step.start && text.starts_with(content)) {
    text.remove_prefix(content.size());
    ++state.cut;
  }
  if (text.empty()) {
    return;
  }
  state.cut = -1;
  std::string pending = std::move(state.held) + std::string(text);
  std::string_view rest = pending;
  int64_t kept = 0;
  while (kept < step.stop && rest.ends_with(content)) {
    rest.remove_suffix(content.size());
    ++kept;
  }
  state.held = std::string(std::string_view(pending).substr(rest.size()));
  feed(index + 1, rest, out);
}

}  // namespace dak::tok
