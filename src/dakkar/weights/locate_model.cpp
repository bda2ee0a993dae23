#include "dakkar/weights/locate_model.h"

#include <algorithm>
#include <string>

#include <fmt/core.h>

#include "dakkar/base/environment.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCachePrefix = "models--";
constexpr int64_t kMaxRefBytes = 256;

/// "org/name" or "name" of letters, digits and - _ . only: nothing that could leave the cache.
bool is_hub_id(std::string_view argument) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  };
  const size_t slash = argument.find('/');
  const std::string_view name =
      slash == std::string_view::npos ? argument : argument.substr(slash + 1);
  return !name.empty() && slash != 0 && argument.front() != '.' && name.front() != '.' &&
         name.find('/') == std::string_view::npos &&
         std::all_of(argument.begin(), argument.end(), allowed);
}

std::string cache_name(std::string_view hub_id) {
  std::string name(kCachePrefix);
  for (const char c : hub_id) {
    name += c == '/' ? std::string("--") : std::string(1, c);
  }
  return name;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

/// The snapshot that refs/main names; nothing when it names none that is there.
std::optional<fs::path> main_snapshot(const fs::path& repository) {
  const auto text = read_text_file(repository / "refs" / "main", kMaxRefBytes);
  if (!text) {
    return std::nullopt;
  }
  const std::string revision = text->substr(0, text->find_last_not_of(" \r\n\t") + 1);
  const bool plain = !revision.empty() && revision.front() != '.' &&
                     revision.find('/') == std::string::npos &&
                     revision.find('\0') == std::string::npos;
  const fs::path snapshot = repository / "snapshots" / revision;
  return plain && is_folder(snapshot) ? std::optional(snapshot) : std::nullopt;
}

std::optional<fs::path> newest_snapshot(const fs::path& repository) {
  std::optional<fs::path> newest;
  fs::file_time_type newest_time;
  std::error_code error;
  fs::directory_iterator item(repository / "snapshots", error);
  for (; !error && item != fs::directory_iterator(); item.increment(error)) {
    std::error_code unreadable;
    const auto time = fs::last_write_time(item->path(), unreadable);
    if (!unreadable && is_folder(item->path()) && (!newest || time > newest_time)) {
      newest = item->path();
      newest_time = time;
    }
  }
  return newest;
}

}  // namespace

Result<fs::path> locate_model(std::string_view argument, const std::optional<fs::path>& hub) {
  const fs::path folder(argument);
  std::error_code ignored;
  if (!argument.empty() && is_folder(folder)) {
    if (fs::exists(folder / "config.json", ignored)) {
      return folder;
    }
    return fail(ErrorCode::kNotFound,
                fmt::format("the folder {} has no config.json", folder.string()));
  }
  if (!argument.empty() && fs::exists(folder, ignored)) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format("{} is a file; a model is a folder with config.json in it", folder.string()));
  }
  if (argument.empty() || !is_hub_id(argument)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no folder \"{}\"", argument));
  }
  if (!hub) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no folder {}, and no Hugging Face cache is known "
                            "(set HF_HOME)",
                            argument));
  }
  const fs::path repository = *hub / cache_name(argument);
  auto snapshot = main_snapshot(repository);
  snapshot = snapshot ? snapshot : newest_snapshot(repository);
  if (!snapshot) {
    return fail(ErrorCode::kNotFound,
                fmt::format("there is no folder {}, and no snapshot in {}; models are not "
                            "downloaded, fetch it first (for example: hf download {})",
                            argument, repository.string(), argument));
  }
  if (!fs::exists(*snapshot / "config.json", ignored)) {
    return fail(ErrorCode::kNotFound,
                fmt::format("the snapshot {} has no config.json: its download is not complete",
                            snapshot->string()));
  }
  return *snapshot;
}

Result<fs::path> locate_model(std::string_view argument) {
  return locate_model(argument, hugging_face_hub_folder());
}

Result<fs::path> locate_demo(const fs::path& binary_folder) {
  const fs::path places[] = {binary_folder / "models" / "demo",
                             binary_folder / ".." / ".." / "models" / "demo",
                             binary_folder / ".." / "share" / "dakkar" / "models" / "demo"};
  std::string looked;
  for (const fs::path& place : places) {
    std::error_code ignored;
    const fs::path folder = place.lexically_normal();
    if (fs::exists(folder / "config.json", ignored)) {
      return folder;
    }
    looked += (looked.empty() ? "" : ", ") + folder.string();
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no model was named and the demo model is in none of {}: name a model "
                          "folder",
                          looked));
}

std::string model_name(const fs::path& folder) {
  std::error_code error;
  fs::path path = fs::absolute(folder, error).lexically_normal();
  path = path.has_filename() ? path : path.parent_path();
  const std::string cached = path.parent_path().parent_path().filename().string();
  if (path.parent_path().filename() != "snapshots" || !cached.starts_with(kCachePrefix)) {
    return path.filename().string();
  }
  std::string name = cached.substr(kCachePrefix.size());
  if (const size_t dashes = name.find("--"); dashes != std::string::npos) {
    name.replace(dashes, 2, "/");
  }
  return name;
}

}  // namespace dak
