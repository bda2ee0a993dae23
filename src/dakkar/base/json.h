#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/document.h>

#include "dakkar/base/error.h"

namespace dak {

/// Whether the tokens `NaN`, `Infinity` and `-Infinity` are numbers. Python writes them into
/// `config.json` files; requests may not hold them.
enum class JsonNonFinite { kRefuse, kAccept };

/// What a text may contain. `error` is the code that every failure of parsing carries.
struct JsonLimits {
  int64_t max_depth = 128;
  JsonNonFinite non_finite = JsonNonFinite::kRefuse;
  ErrorCode error = ErrorCode::kInvalidArgument;
};

/// Whether `text` is well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_valid_utf8(std::string_view text);

class JsonDocument;

/// Looks at one value of a `JsonDocument`, which must outlive it, and knows its path in the
/// document
/// ("messages[2].content"). Every error of an accessor names that path, in `message` and `param`.
class JsonView final {
 public:
  [[nodiscard]] bool is_null() const { return value_->IsNull(); }
  [[nodiscard]] bool is_bool() const { return value_->IsBool(); }
  [[nodiscard]] bool is_number() const { return value_->IsNumber(); }
  [[nodiscard]] bool is_string() const { return value_->IsString(); }
  [[nodiscard]] bool is_array() const { return value_->IsArray(); }
  [[nodiscard]] bool is_object() const { return value_->IsObject(); }

  /// Path from the root, empty for the root itself.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The library's value, for code that walks whole subtrees (templates, schemas).
  [[nodiscard]] const rapidjson::Value& raw() const { return *value_; }

  /// The value, or an error saying what is there instead. Integers may be written as 3 or 3.0.
  [[nodiscard]] Result<bool> as_bool() const;
  [[nodiscard]] Result<double> as_number() const;
  [[nodiscard]] Result<int64_t> as_integer() const;
  /// Borrowed from the document; may hold U+0000.
  [[nodiscard]] Result<std::string_view> as_string() const;

  /// Elements of an array; an error for anything else.
  [[nodiscard]] Result<std::vector<JsonView>> as_array() const;
  /// Members of an object in file order; an error for anything else.
  [[nodiscard]] Result<std::vector<std::pair<std::string_view, JsonView>>> as_object() const;

  /// As `as_object` for a table whose caller names the member in errors: paths begin anew in it.
  [[nodiscard]] Result<std::vector<std::pair<std::string_view, JsonView>>> as_entries() const;

  /// The member `key`. Nothing when it is absent, null, or this is no object: absent and null mean
  /// the same in every format that this program reads. Linear in the number of members.
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;
  /// Whether the object has the member at all, null included.
  [[nodiscard]] bool has(std::string_view key) const;

  /// An error about this value: "`path` `problem`".
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view problem) const;
  /// The same about the member `key`, there or not: "`path.key` `problem`".
  [[nodiscard]] tl::unexpected<Error> refuse_member(std::string_view key,
                                                    std::string_view problem) const;

 private:
  friend class JsonDocument;
  JsonView(const rapidjson::Value& value, std::string path, ErrorCode error)
      : value_(&value), path_(std::move(path)), error_(error) {}

  const rapidjson::Value* value_;
  std::string path_;
  ErrorCode error_;
};

/// A parsed text. Moving it keeps its views valid.
class JsonDocument final {
 public:
  /// Parses one JSON value and nothing after it but white space.
  ///
  /// Nesting is bounded by `limits.max_depth` and cannot exhaust the stack. Numbers are read to the
  /// last bit. Refused: invalid UTF-8, lone surrogate escapes, duplicate keys, trailing text; the
  /// message gives the byte offset.
  static Result<JsonDocument> parse(std::string_view text, const JsonLimits& limits = {});

  [[nodiscard]] JsonView root() const;

 private:
  JsonDocument(std::unique_ptr<rapidjson::Document> document, ErrorCode error)
      : document_(std::move(document)), error_(error) {}
  std::unique_ptr<rapidjson::Document> document_;  ///< on the heap: views point into it
  ErrorCode error_;
};

/// The member `key` of `object`, or the fallback when it is absent or null. A member of another
/// type is an error that names its path.
[[nodiscard]] Result<bool> bool_or(const JsonView& object, std::string_view key, bool fallback);
[[nodiscard]] Result<double> number_or(const JsonView& object, std::string_view key,
                                       double fallback);
[[nodiscard]] Result<int64_t> integer_or(const JsonView& object, std::string_view key,
                                         int64_t fallback);
[[nodiscard]] Result<std::string> string_or(const JsonView& object, std::string_view key,
                                            std::string_view fallback);

/// The member `key`; absent or null is an error that names its path.
[[nodiscard]] Result<JsonView> required(const JsonView& object, std::string_view key);
[[nodiscard]] Result<double> required_number(const JsonView& object, std::string_view key);
[[nodiscard]] Result<int64_t> required_integer(const JsonView& object, std::string_view key);
[[nodiscard]] Result<std::string> required_string(const JsonView& object, std::string_view key);

/// `text` as a JSON string with its quotes. Invalid UTF-8 is written as U+FFFD.
[[nodiscard]] std::string json_quote(std::string_view text);

}  // namespace dak
