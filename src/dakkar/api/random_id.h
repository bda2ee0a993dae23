#pragma once

#include <cstdint>
#include <string>

namespace dak {

/// 64 bits from the operating system's generator, for seeds and ids that nobody can guess.
[[nodiscard]] uint64_t random_bits();

/// 32 random hexadecimal digits.
[[nodiscard]] std::string random_request_id();

}  // namespace dak
