#pragma once

#include <string_view>

namespace dak {

/// How much is worth saying.
enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// Sets the least level that is written to stderr; `kInfo` at start.
void set_log_level(LogLevel level);

/// Writes one line to stderr with time and level. Safe from any thread. Format messages with
/// `fmt::format` at the call: only base/log.cpp includes spdlog.
void log(LogLevel level, std::string_view message);

inline void log_debug(std::string_view message) {
  log(LogLevel::kDebug, message);
}
inline void log_info(std::string_view message) {
  log(LogLevel::kInfo, message);
}
inline void log_warning(std::string_view message) {
  log(LogLevel::kWarning, message);
}
inline void log_error(std::string_view message) {
  log(LogLevel::kError, message);
}

}  // namespace dak
