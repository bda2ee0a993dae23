#include "dakkar/model/check_ids.h"

#include <fmt/core.h>

namespace dak {

Status check_ids(const std::vector<TokenId>& ids, int64_t vocab) {
  for (const TokenId id : ids) {
    if (id < 0 || id >= vocab) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("token id {} is outside the vocabulary of {}", id, vocab));
    }
  }
  return {};
}

}  // namespace dak
