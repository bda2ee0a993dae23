#pragma once

#include <cstdint>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"

namespace dak {

/// Whether a model of `vocab` tokens can take the ids; `kInvalidArgument` names one that it cannot.
[[nodiscard]] Status check_ids(const std::vector<TokenId>& ids, int64_t vocab);

}  // namespace dak
