#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dakkar/base/error.h"

namespace dak {

/// A folder that is filled completely or not at all: unless it is kept, what was put into it is
/// removed when this dies, and the folder too if it was made here.
class OutputFolder final {
 public:
  /// Makes it, or takes an empty one. Errors: it has something in it, or cannot be made.
  static Result<OutputFolder> open(const std::filesystem::path& path);
  OutputFolder(OutputFolder&& other) noexcept;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Writes a file. Errors: the disk's.
  [[nodiscard]] Status write(const std::string& name, std::string_view text);
  /// Copies the files of `source` that are neither weights nor the configs written here: tokenizer,
  /// template, generation defaults, notes. Links are followed, folders left out.
  [[nodiscard]] Status copy_rest(const std::filesystem::path& source);
  void keep() { kept_ = true; }

 private:
  explicit OutputFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  std::vector<std::string> files_;
  bool made_ = false;
  bool kept_ = false;
};

}  // namespace dak
