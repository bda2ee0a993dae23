#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"
#include "dakkar/text/tokenizer/string_table.h"

namespace dak::tok {

/// Ids must be below this, so that a hostile file cannot make us allocate for absent ones.
inline constexpr int64_t kMaxTokenId = int64_t{1} << 22;

/// The model's tokens as the file spells them, both ways.
class Vocabulary final {
 public:
  /// Adds a token. Errors: an id out of range, or one that another token has.
  [[nodiscard]] Status add(std::string_view token, int64_t id);

  /// The id of `token`, or -1.
  [[nodiscard]] TokenId find(std::string_view token) const { return ids_.find(token); }

  /// The spelling of `id`, or nothing.
  [[nodiscard]] std::optional<std::string_view> spelling(TokenId id) const;

  /// Number of tokens.
  [[nodiscard]] int64_t size() const { return ids_.size(); }

  /// One more than the greatest id.
  [[nodiscard]] int64_t id_limit() const { return static_cast<int64_t>(tokens_.size()); }

 private:
  StringTable ids_;
  std::vector<std::optional<std::string>> tokens_;
};

}  // namespace dak::tok
