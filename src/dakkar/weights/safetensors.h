#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dakkar/base/error.h"
#include "dakkar/tensor/tensor_view.h"
#include "dakkar/weights/mapped_file.h"

namespace dak {

/// One tensor of a safetensors header.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;  ///< empty for a scalar; at most `TensorView::kMaxRank` dimensions
  int64_t begin = 0;           ///< bytes from the start of the file
  int64_t end = 0;
};

/// Longest header that is read: the format's own limit.
inline constexpr int64_t kMaxHeaderBytes = 100'000'000;

/// Reads and checks the header of a safetensors file whose bytes are `file`, entirely.
///
/// Entries come in the order of their data. Any input gives entries that lie within the file, do
/// not overlap, leave no gaps, agree with their dtype and shape, and are aligned to their element
/// size; or an error (`kCorruptFile`) naming the tensor. Unknown dtypes are errors too. Source: the
/// safetensors format: u64 length, JSON header, data.
[[nodiscard]] Result<std::vector<TensorEntry>> parse_header(std::span<const std::byte> file);

/// The tensors of a checkpoint folder, mapped, by name: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` names (or, without an index, the single *.safetensors file
/// there).
///
/// Every shard's header is checked, and that each tensor of the index is in the shard it names and
/// in no other. Index paths must be plain file names inside the folder; links are followed, because
/// snapshots of the Hugging Face cache consist of links. Errors name file and tensor.
class SafetensorsSet final {
 public:
  struct Tensor {
    TensorEntry entry;
    size_t file = 0;  ///< index into `files`
  };

  static Result<SafetensorsSet> open(const std::filesystem::path& folder);

  [[nodiscard]] const std::vector<Tensor>& tensors() const { return tensors_; }
  /// Mapped bytes of `tensor`.
  [[nodiscard]] std::span<const std::byte> bytes(const Tensor& tensor) const;
  [[nodiscard]] const MappedFile& file_of(const Tensor& tensor) const;
  /// File name of the shard that holds `tensor`, for messages.
  [[nodiscard]] const std::string& file_name_of(const Tensor& tensor) const;

 private:
  struct File {
    std::string name;
    MappedFile mapping;
  };
  SafetensorsSet() = default;
  Status add_file(const std::filesystem::path& folder, const std::string& name);
  /// `shard_of`: tensor names and the files that the index says they are in.
  Status check_index(const std::vector<std::pair<std::string_view, std::string_view>>& shard_of);

  std::vector<File> files_;
  std::vector<Tensor> tensors_;
};

}  // namespace dak
