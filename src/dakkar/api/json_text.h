#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dak {

/// Writes one JSON value front to back; commas and quotes come by themselves.
///
/// Strings that are not UTF-8 are written with U+FFFD. Whoever calls keeps objects and arrays
/// balanced.
class JsonText final {
 public:
  JsonText& open_object();
  JsonText& close_object();
  JsonText& open_array();
  JsonText& close_array();
  /// A member's name; its value follows.
  JsonText& key(std::string_view name);

  JsonText& string(std::string_view text);
  JsonText& integer(int64_t number);
  /// The shortest text that reads back as `number`; null where JSON has no number for it.
  JsonText& number(double number);
  JsonText& null() { return raw("null"); }
  /// A value that is JSON already, `true` and `false` included.
  JsonText& raw(std::string_view json);

  /// The text so far.
  [[nodiscard]] const std::string& text() const { return out_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void separate();

  std::string out_;
  std::vector<char> first_{1};  ///< per open scope: nothing written in it yet
  bool after_key_ = false;
};

}  // namespace dak
