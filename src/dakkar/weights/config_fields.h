#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/json.h"

namespace dak {

/// Inclusive bounds of an integer field.
struct Bounds {
  int64_t least = 0;
  int64_t most = 0;
};

/// Reads fields that have several spellings out of one JSON object and keeps the first error, so
/// that a long list of fields reads as a list. After an error every read gives its fallback.
class ConfigFields final {
 public:
  using Names = std::initializer_list<std::string_view>;

  explicit ConfigFields(const JsonView& object) : object_(object) {}

  /// The field under whichever of its names is there; absent and null are the same. Two spellings
  /// with different values are an error.
  [[nodiscard]] std::optional<JsonView> find(Names names);

  /// Without a fallback the field is required.
  int64_t integer(Names names, Bounds bounds, std::optional<int64_t> fallback = std::nullopt);
  double number(Names names, double fallback);
  bool flag(Names names, bool fallback);
  std::string text(Names names, std::string_view fallback);

  /// Refuses a boolean field that is true: `reason` completes "FIELD is true: ...".
  void refuse_true(Names names, std::string_view reason);
  /// Refuses a field that is there and not null.
  void refuse_present(Names names, std::string_view reason);
  /// Keeps an error unless one was kept before.
  void refuse(ErrorCode code, std::string message);

  [[nodiscard]] bool failed() const { return !status_.has_value(); }
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  template <typename T>
  T keep(const Result<T>& value, T fallback);

  JsonView object_;
  Status status_;
};

/// Token ids below `vocab` of a field that holds one id or a list; empty when it is absent.
[[nodiscard]] std::vector<int64_t> read_token_ids(ConfigFields& fields, std::string_view name,
                                                  int64_t vocab);

}  // namespace dak
