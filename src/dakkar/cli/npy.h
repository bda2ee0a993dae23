#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dakkar/base/error.h"

namespace dak {

/// Writes `values` [rows, columns] as a NumPy .npy file of little-endian float32, version 1.0.
/// Errors: a file that cannot be written.
[[nodiscard]] Status write_npy(const std::string& path, std::span<const float> values, int64_t rows,
                               int64_t columns);

}  // namespace dak
