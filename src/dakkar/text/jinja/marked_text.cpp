#include "dakkar/text/jinja/marked_text.h"

#include <algorithm>

namespace dak::jinja {
namespace {

Origin flipped(Origin origin, size_t times) {
  if (times % 2 == 0) {
    return origin;
  }
  return origin == Origin::kUser ? Origin::kTemplate : Origin::kUser;
}

}  // namespace

Origin MarkedText::last_origin() const {
  return flipped(first_, flips_.size());
}

Origin MarkedText::origin_at(int64_t at) const {
  const auto after = std::upper_bound(flips_.begin(), flips_.end(), at);
  return flipped(first_, static_cast<size_t>(after - flips_.begin()));
}

void MarkedText::append(std::string_view bytes, Origin origin) {
  if (bytes.empty()) {
    return;
  }
  if (bytes_.empty()) {
    first_ = origin;
    flips_.clear();
  } else if (last_origin() != origin) {
    flips_.push_back(size());
  }
  bytes_.append(bytes);
}

void MarkedText::append(const MarkedText& other) {
  append(other, 0, other.size());
}

void MarkedText::append(const MarkedText& other, int64_t begin, int64_t end) {
  auto next = std::upper_bound(other.flips_.begin(), other.flips_.end(), begin);
  Origin origin = other.origin_at(begin);
  const std::string_view bytes = other.bytes_;
  while (begin < end) {
    const int64_t stop = next == other.flips_.end() ? end : std::min(end, *next);
    append(bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(stop - begin)), origin);
    origin = flipped(origin, 1);
    begin = stop;
    if (next != other.flips_.end()) {
      ++next;
    }
  }
}

MarkedText MarkedText::slice(int64_t begin, int64_t end) const {
  MarkedText part;
  part.append(*this, begin, end);
  return part;
}

std::vector<OriginRun> MarkedText::runs() const {
  std::vector<OriginRun> result;
  if (bytes_.empty()) {
    return result;
  }
  int64_t begin = 0;
  Origin origin = first_;
  for (const int64_t flip : flips_) {
    result.push_back({.begin = begin, .end = flip, .origin = origin});
    origin = flipped(origin, 1);
    begin = flip;
  }
  result.push_back({.begin = begin, .end = size(), .origin = origin});
  return result;
}

}  // namespace dak::jinja
