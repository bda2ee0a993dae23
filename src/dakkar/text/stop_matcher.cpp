#include "dakkar/text/stop_matcher.h"

#include <algorithm>

namespace dak {
namespace {

/// For each prefix of `text`, the length of its longest proper prefix that is also its suffix.
/// Source: Knuth, Morris and Pratt 1977.
std::vector<int64_t> borders_of(std::string_view text) {
  std::vector<int64_t> borders(text.size(), 0);
  int64_t matched = 0;
  for (size_t i = 1; i < text.size(); ++i) {
    while (matched > 0 && text[i] != text[static_cast<size_t>(matched)]) {
      matched = borders[static_cast<size_t>(matched) - 1];
    }
    matched += text[i] == text[static_cast<size_t>(matched)] ? 1 : 0;
    borders[i] = matched;
  }
  return borders;
}

}  // namespace

Result<StopMatcher> StopMatcher::create(std::vector<std::string> stops) {
  std::vector<Stop> prepared;
  for (std::string& stop : stops) {
    if (stop.empty()) {
      return fail(ErrorCode::kInvalidArgument, "a stop string must not be empty", "stop");
    }
    std::vector<int64_t> borders = borders_of(stop);
    prepared.push_back({.text = std::move(stop), .borders = std::move(borders), .matched = 0});
  }
  return StopMatcher(std::move(prepared));
}

std::optional<StopMatch> StopMatcher::feed(std::string_view bytes) {
  for (const char byte : bytes) {
    if (match_) {
      break;
    }
    ++fed_;
    int64_t longest = 0;
    for (size_t i = 0; i < stops_.size(); ++i) {
      Stop& stop = stops_[i];
      while (stop.matched > 0 && byte != stop.text[static_cast<size_t>(stop.matched)]) {
        stop.matched = stop.borders[static_cast<size_t>(stop.matched) - 1];
      }
      stop.matched += byte == stop.text[static_cast<size_t>(stop.matched)] ? 1 : 0;
      const auto size = static_cast<int64_t>(stop.text.size());
      if (stop.matched == size && size > longest) {
        longest = size;
        match_ = StopMatch{static_cast<int64_t>(i), fed_ - size, fed_};
      }
    }
  }
  return match_;
}

int64_t StopMatcher::held_bytes() const {
  if (match_) {
    return 0;
  }
  int64_t held = 0;
  for (const Stop& stop : stops_) {
    held = std::max(held, stop.matched);
  }
  return held;
}

}  // namespace dak
