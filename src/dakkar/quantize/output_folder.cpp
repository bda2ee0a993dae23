#include "dakkar/quantize/output_folder.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <utility>

#include <fmt/core.h>

namespace dak {
namespace {

namespace fs = std::filesystem;

/// Weights in any form, and what is written anew.
bool is_replaced(const fs::path& file) {
  const std::string name = file.filename().string();
  for (const std::string_view own : {"config.json", "hf_quant_config.json"}) {
    if (name == own) {
      return true;
    }
  }
  for (const std::string_view ending :
       {".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth",
        ".gguf", ".h5", ".msgpack", ".onnx", ".partial"}) {
    if (name.ends_with(ending)) {
      return true;
    }
  }
  return name.starts_with(".");
}

}  // namespace

Result<OutputFolder> OutputFolder::open(const fs::path& path) {
  OutputFolder folder(path);
  std::error_code error;
  if (fs::exists(path, error)) {
    if (!fs::is_directory(path, error)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} is there and no folder", path.string()), "out");
    }
    if (!fs::is_empty(path, error)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} has something in it: name a new or empty folder (one that holds "
                              "*.partial files was interrupted and can be removed)",
                              path.string()),
                  "out");
    }
    return folder;
  }
  if (!fs::create_directories(path, error)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot make the folder {}: {}", path.string(), error.message()),
                "out");
  }
  folder.made_ = true;
  return folder;
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : path_(std::move(other.path_)),
      files_(std::move(other.files_)),
      made_(other.made_),
      kept_(std::exchange(other.kept_, true)) {}

OutputFolder::~OutputFolder() {
  if (kept_) {
    return;
  }
  std::error_code ignored;
  for (const std::string& name : files_) {
    fs::remove(path_ / name, ignored);
  }
  if (made_) {
    fs::remove(path_, ignored);
  }
}

Status OutputFolder::write(const std::string& name, std::string_view text) {
  files_.push_back(name);
  std::ofstream file(path_ / name, std::ios::binary);
  file << text << std::flush;
  if (!file) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("cannot write {}: {}", (path_ / name).string(), std::strerror(errno)));
  }
  return {};
}

Status OutputFolder::copy_rest(const fs::path& source) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(source, error)) {
    if (!entry.is_regular_file(error) || is_replaced(entry.path())) {
      continue;
    }
    files_.push_back(entry.path().filename().string());
    if (!fs::copy_file(fs::canonical(entry.path(), error), path_ / files_.back(), error)) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("cannot copy {}: {}", entry.path().string(), error.message()));
    }
  }
  return {};
}

}  // namespace dak
