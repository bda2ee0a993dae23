#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/tensor/dtype.h"

namespace dak {

/// How safetensors spells a dtype: "BF16", "F8_E4M3".
[[nodiscard]] std::string_view safetensors_dtype(DType dtype);

/// A tensor that will be written.
struct PlannedTensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape{};  ///< empty for a scalar
  std::string group = "";        ///< tensors of different groups are never in the same file

  [[nodiscard]] int64_t bytes() const;
};

/// Writes the weights of a checkpoint folder tensor by tensor, holding none of them.
///
/// All tensors are planned before the first is written: in that order they are dealt to files of at
/// most `max_file_bytes` of data, a larger tensor alone in its own. Within a file, wider elements
/// come first, as the format's alignment asks. One file is `model.safetensors`; several are
/// `model-00001-of-00003.safetensors` with `model.safetensors.index.json`. Until `finish` all have
/// the suffix `.partial`; a writer that dies before removes them.
class SafetensorsWriter final {
 public:
  /// Creates the files. Errors: a disk without room for them, a folder that cannot be written.
  static Result<SafetensorsWriter> open(const std::filesystem::path& folder,
                                        const std::vector<PlannedTensor>& tensors,
                                        int64_t max_file_bytes);
  SafetensorsWriter(SafetensorsWriter&& other) noexcept;
  SafetensorsWriter& operator=(SafetensorsWriter&&) = delete;
  ~SafetensorsWriter();

  /// Writes the whole of a planned tensor, in any order, each once. Errors: a full disk.
  [[nodiscard]] Status write(std::string_view name, std::span<const std::byte> bytes);

  /// Once all are written: gives the files their names, the index last. Errors: the disk's.
  [[nodiscard]] Status finish();

  /// Bytes of all planned tensors.
  [[nodiscard]] int64_t total_bytes() const { return total_bytes_; }
  [[nodiscard]] int64_t files() const;

 private:
  /// A file descriptor and what lies behind it; -1 once closed.
  class File;
  struct Place {
    size_t file = 0;
    int64_t begin = 0;  ///< bytes from the start of the file
    int64_t bytes = 0;
    bool written = false;
  };

  explicit SafetensorsWriter(std::filesystem::path folder);
  Status add_file(const std::filesystem::path& path, std::span<const PlannedTensor> tensors);
  [[nodiscard]] std::string index_text() const;
  [[nodiscard]] Status write_index() const;

  std::filesystem::path folder_;
  std::vector<File> files_;
  std::unordered_map<std::string, Place> places_;
  std::vector<std::string> order_;  ///< names as planned
  int64_t total_bytes_ = 0;
};

}  // namespace dak
