#include "dakkar/base/environment.h"

#include <cstdlib>

namespace dak {
namespace {

std::filesystem::path expand_home(const std::string& path) {
  const auto home = environment_variable("HOME");
  if (home && (path == "~" || path.starts_with("~/"))) {
    return std::filesystem::path(*home + path.substr(1));
  }
  return path;
}

}  // namespace

std::optional<std::string> environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  if (value == nullptr || *value == '\0') {
    return std::nullopt;
  }
  return std::string(value);
}

std::optional<std::filesystem::path> hugging_face_hub_folder() {
  if (const auto hub = environment_variable("HF_HUB_CACHE")) {
    return expand_home(*hub);
  }
  if (const auto home = environment_variable("HF_HOME")) {
    return expand_home(*home) / "hub";
  }
  if (const auto cache = environment_variable("XDG_CACHE_HOME")) {
    return expand_home(*cache) / "huggingface" / "hub";
  }
  if (const auto home = environment_variable("HOME")) {
    return std::filesystem::path(*home) / ".cache" / "huggingface" / "hub";
  }
  return std::nullopt;
}

}  // namespace dak
