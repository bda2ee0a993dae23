#include "dakkar/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dak {

void check_failed(std::string_view what, std::source_location where) {
  std::fprintf(stderr, "dakkar: internal check failed: %.*s (%s:%u)\n",
               static_cast<int>(what.size()), what.data(), where.file_name(), where.line());
  std::fflush(stderr);
  std::abort();
}

}  // namespace dak
