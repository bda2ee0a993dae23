#pragma once

#include <string>

namespace dak {

/// This build's version, e.g. "0.1.0".
[[nodiscard]] std::string version_text();

}  // namespace dak
