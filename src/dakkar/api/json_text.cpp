#include "dakkar/api/json_text.h"

#include <cmath>

#include <fmt/core.h>

#include "dakkar/base/json.h"

namespace dak {

void JsonText::separate() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (!first_.back()) {
    out_ += ',';
  }
  first_.back() = 0;
}

JsonText& JsonText::open_object() {
  separate();
  out_ += '{';
  first_.push_back(1);
  return *this;
}

JsonText& JsonText::close_object() {
  first_.pop_back();
  out_ += '}';
  return *this;
}

JsonText& JsonText::open_array() {
  separate();
  out_ += '[';
  first_.push_back(1);
  return *this;
}

JsonText& JsonText::close_array() {
  first_.pop_back();
  out_ += ']';
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  out_ += json_quote(name);
  out_ += ':';
  after_key_ = true;
  return *this;
}

JsonText& JsonText::string(std::string_view text) {
  separate();
  out_ += json_quote(text);
  return *this;
}

JsonText& JsonText::integer(int64_t number) {
  separate();
  out_ += fmt::format("{}", number);
  return *this;
}

JsonText& JsonText::number(double number) {
  separate();
  out_ += std::isfinite(number) ? fmt::format("{}", number) : "null";
  return *this;
}

JsonText& JsonText::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace dak
