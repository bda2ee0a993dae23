#pragma once

#include <string_view>

#include "dakkar/base/token_id.h"

namespace dak {

/// The text bytes of each token id, for stop strings. Immutable, safe from any thread.
class TokenBytes {
 public:
  virtual ~TokenBytes() = default;

  /// Bytes that `id` adds to the text, not always whole UTF-8; empty for an id without a token.
  [[nodiscard]] virtual std::string_view bytes_of(TokenId id) const = 0;
};

}  // namespace dak
