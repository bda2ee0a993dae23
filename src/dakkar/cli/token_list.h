#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/base/token_id.h"

namespace dak {

/// Reads whitespace-separated token ids from 0 to `vocab` - 1. Errors name the word at fault.
[[nodiscard]] Result<std::vector<TokenId>> parse_token_list(std::string_view text, int64_t vocab);

/// A file's bytes; "-" is stdin. Errors name the file.
[[nodiscard]] Result<std::string> read_whole_file(const std::string& path);

}  // namespace dak
