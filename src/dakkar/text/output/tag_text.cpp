#include "dakkar/text/output/tag_text.h"

#include <algorithm>
#include <array>

namespace dak {
namespace {

constexpr std::array kLiterals = {std::string_view("<think>"), std::string_view("</think>"),
                                  std::string_view("<tool_call>"),
                                  std::string_view("</tool_call>")};
constexpr unsigned char kFirstCode = 0xF8;
// Consumed places are dropped in portions, so that a long text costs no quadratic copying.
constexpr size_t kDropAt = 4096;

}  // namespace

std::string_view tag_literal(OutputTag tag) {
  return kLiterals[static_cast<size_t>(tag)];
}

void TagText::add(std::string_view text) {
  places_.append(text);
}

void TagText::add(OutputTag tag) {
  places_.push_back(static_cast<char>(kFirstCode + static_cast<unsigned char>(tag)));
}

std::optional<OutputTag> TagText::tag(size_t ahead) const {
  const auto code = static_cast<unsigned char>(places_[at_ + ahead]);
  if (code < kFirstCode || code >= kFirstCode + kLiterals.size()) {
    return std::nullopt;
  }
  return static_cast<OutputTag>(code - kFirstCode);
}

Match TagText::match(std::string_view literal, size_t ahead) const {
  size_t matched = 0;
  size_t places = 0;
  while (matched < literal.size()) {
    if (ahead + places >= left()) {
      return {.seen = ended_ ? Seen::kNo : Seen::kUndecided};
    }
    const std::optional<OutputTag> here = tag(ahead + places);
    const char single = byte(ahead + places);
    const std::string_view text = here ? tag_literal(*here) : std::string_view(&single, 1);
    if (!literal.substr(matched).starts_with(text)) {
      return {};
    }
    matched += text.size();
    ++places;
  }
  return {.seen = Seen::kYes, .length = places};
}

Match TagText::spaces(size_t ahead) const {
  size_t count = 0;
  while (ahead + count < left() && is_output_space(byte(ahead + count))) {
    ++count;
  }
  if (count > kMaxSpaces) {
    return {};
  }
  if (ahead + count == left() && !ended_) {
    return {.seen = Seen::kUndecided};
  }
  return {.seen = Seen::kYes, .length = count};
}

Match TagText::at_end(size_t ahead) const {
  if (ahead < left()) {
    return {};
  }
  return {.seen = ended_ ? Seen::kYes : Seen::kUndecided};
}

std::string TagText::take(size_t places) {
  std::string text;
  text.reserve(places);
  for (size_t i = 0; i < places; ++i) {
    if (const std::optional<OutputTag> here = tag(i)) {
      text += tag_literal(*here);
    } else {
      text.push_back(byte(i));
    }
  }
  at_ += places;
  if (at_ == places_.size() || at_ >= kDropAt) {
    places_.erase(0, at_);
    at_ = 0;
  }
  return text;
}

bool is_output_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

Match either(const Match& a, const Match& b) {
  if (a.yes() || (a.undecided() && !b.yes())) {
    return a;
  }
  return b;
}

}  // namespace dak
