#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"
#include "dakkar/base/token_id.h"

namespace dak {

/// Bounds of a number. `above` excludes the lower bound itself.
struct NumberRange {
  double least = 0.0;
  double most = 0.0;
  enum class Lower { kIncluded, kExcluded } lower = Lower::kIncluded;
};

/// Bounds of an integer, both included.
struct IntegerRange {
  int64_t least = 0;
  int64_t most = 0;
};

/// Reads members of one JSON object and remembers the first thing that is wrong with it, so that
/// parsing code reads straight down. After an error every value is the fallback.
///
/// Absent and null are the same. Errors name the field in `param`.
class FieldReader final {
 public:
  /// `object` must outlive the reader; when it is no object, that is the error.
  explicit FieldReader(const JsonView& object);

  [[nodiscard]] const JsonView& object() const { return object_; }
  [[nodiscard]] bool has(std::string_view key) const { return find(key).has_value(); }
  [[nodiscard]] std::optional<JsonView> find(std::string_view key) const;

  [[nodiscard]] double number(std::string_view key, double fallback, const NumberRange& range);
  [[nodiscard]] int64_t integer(std::string_view key, int64_t fallback, const IntegerRange& range);
  [[nodiscard]] std::optional<int64_t> optional_integer(std::string_view key,
                                                        const IntegerRange& range);
  /// A truth value that is false, respectively true, when absent.
  [[nodiscard]] bool flag_or_false(std::string_view key);
  [[nodiscard]] bool flag_or_true(std::string_view key);
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback);
  /// An array of token ids below `vocab`.
  [[nodiscard]] std::vector<TokenId> token_ids(std::string_view key, int64_t vocab);

  /// Notes an error about the member `key`: "`key` `problem`".
  void refuse(std::string_view key, std::string_view problem);
  /// Notes an error as it is.
  void refuse(Error error);

  [[nodiscard]] bool failed() const { return error_.has_value(); }
  /// The first error, if there was one.
  [[nodiscard]] Status status() const;

 private:
  template <typename T>
  T keep(Result<T> result, T fallback);

  JsonView object_;
  std::optional<Error> error_;
};

/// `view` as an array of token ids below `vocab`.
[[nodiscard]] Result<std::vector<TokenId>> parse_token_ids(const JsonView& view, int64_t vocab);

/// The JSON text of a value of a request.
[[nodiscard]] std::string json_of(const JsonView& view);

}  // namespace dak
