#include "dakkar/server/version.h"

namespace dak {

std::string version_text() {
  return DAKKAR_VERSION;
}

}  // namespace dak
