#include "dakkar/api/random_id.h"

#include <fmt/core.h>
#include <sys/random.h>

#include "dakkar/base/check.h"

namespace dak {

uint64_t random_bits() {
  uint64_t bits = 0;
  const ssize_t got = getrandom(&bits, sizeof(bits), 0);
  check(got == static_cast<ssize_t>(sizeof(bits)), "getrandom gives eight bytes");
  return bits;
}

std::string random_request_id() {
  return fmt::format("{:016x}{:016x}", random_bits(), random_bits());
}

}  // namespace dak
