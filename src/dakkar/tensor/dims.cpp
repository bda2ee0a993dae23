#include "dakkar/tensor/dims.h"

#include <charconv>

#include <fmt/core.h>

namespace dak {

Dims& Dims::bind(std::string_view pattern, const TensorView& view) {
  int index = 0;
  while (!pattern.empty()) {
    const size_t end = pattern.find(' ');
    const std::string_view word = pattern.substr(0, end);
    if (index >= view.rank) {
      check_failed(fmt::format("{}: expected more dimensions at {}", op_, word),
                   std::source_location::current());
    }
    match(word, view.dim(index));
    ++index;
    pattern = end == std::string_view::npos ? std::string_view() : pattern.substr(end + 1);
  }
  check(index == view.rank, op_);
  return *this;
}

Dims& Dims::set(std::string_view letter, int64_t size) {
  match(letter, size);
  return *this;
}

int64_t Dims::operator[](std::string_view letter) const {
  for (size_t i = 0; i < count_; ++i) {
    if (bindings_[i].letter == letter) {
      return bindings_[i].size;
    }
  }
  check(false, "a dimension letter was read before it was bound");
  return 0;
}

void Dims::match(std::string_view word, int64_t size) {
  if (word == "_") {
    return;
  }
  int64_t expected = -1;
  if (word.front() >= '0' && word.front() <= '9') {
    std::from_chars(word.data(), word.data() + word.size(), expected);
  }
  for (size_t i = 0; expected < 0 && i < count_; ++i) {
    if (bindings_[i].letter == word) {
      expected = bindings_[i].size;
    }
  }
  if (expected < 0) {
    check(count_ < bindings_.size(), "too many dimension letters in one op");
    bindings_[count_++] = {word, size};
    return;
  }
  if (expected != size) {
    check_failed(fmt::format("{}: {} is {} here and {} there", op_, word, size, expected),
                 std::source_location::current());
  }
}

}  // namespace dak
