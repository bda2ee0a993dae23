#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "dakkar/base/error.h"

namespace dak {

/// Largest text file of a checkpoint that is read: Ultra's index has about 25 MB.
inline constexpr int64_t kMaxTextBytes = 256'000'000;

/// Reads a regular file. Errors name it: `kNotFound`, or `kTooLarge` beyond `max_bytes`.
[[nodiscard]] Result<std::string> read_text_file(const std::filesystem::path& path,
                                                 int64_t max_bytes = kMaxTextBytes);

}  // namespace dak
