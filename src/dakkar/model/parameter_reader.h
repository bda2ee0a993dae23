#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "dakkar/device/backend.h"
#include "dakkar/model/model.h"
#include "dakkar/tensor/workspace.h"
#include "dakkar/weights/shard.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {

/// Modules by where their packed values lie; moving a `PackedWeight` does not move them.
using PackedPlaces = std::unordered_map<const std::byte*, std::string>;

/// Which tensors a reader is for, and who wants to know what became of them.
struct ReaderScope {
  std::string prefix = "";         ///< of the names that can be read; empty: all
  PackedPlaces* packed = nullptr;  ///< told of every linear; null: nobody
};

/// Reads a rank's slices of a checkpoint while its layers are built.
///
/// The first failure sticks: later reads return empty things and `status()` tells what went wrong,
/// so that a layer's constructor reads as a list of its tensors.
class ParameterReader final {
 public:
  /// Allocates device memory for the small parameters of the rank; everything in `args` is
  /// borrowed.
  static Result<ParameterReader> open(const ModelLoadArgs& args, const ReaderScope& scope = {});

  /// The rank's part of a linear, packed for the backend.
  [[nodiscard]] PackedWeight linear(const std::string& module);
  /// The rank's part of a small tensor, in f32 in device memory, rows and columns as in the table.
  [[nodiscard]] TensorView vector(const std::string& name);
  /// As `vector`, with `transform` applied to each value.
  [[nodiscard]] TensorView vector(const std::string& name, float (*transform)(float));
  /// `count` zeros in device memory, for a bias that the checkpoint does not have.
  [[nodiscard]] TensorView zeros(int64_t count);
  /// The rank's rows of an unquantized matrix, in its own dtype in device memory (embeddings,
  /// gates).
  [[nodiscard]] TensorView matrix(const std::string& module);
  /// A KV cache scale, 1 when the checkpoint has none.
  [[nodiscard]] float kv_scale(const std::string& module) const;
  /// Notes a failure found by the caller.
  void fail_with(Error error);

  [[nodiscard]] Status status() const;
  [[nodiscard]] const ModelLoadArgs& args() const { return args_; }
  [[nodiscard]] const Shard& shard() const { return shard_; }
  /// Sizes of this rank's part of the model.
  [[nodiscard]] const ModelConfig& local() const { return local_; }
  /// Bytes read so far, packed.
  [[nodiscard]] int64_t weight_bytes() const { return weight_bytes_; }
  /// Device memory that the vectors and matrices lie in; the model keeps it.
  [[nodiscard]] DeviceMemory take_memory() { return std::move(memory_); }

 private:
  ParameterReader() = default;
  const TensorSpec* find(const std::string& name);
  TensorView upload(const TensorView& host);

  ModelLoadArgs args_;
  PackedPlaces* packed_ = nullptr;
  Shard shard_;
  ModelConfig local_;
  std::unordered_map<std::string, TensorSpec> table_;
  DeviceMemory memory_;
  Workspace space_;
  std::unique_ptr<Stream> stream_;
  int64_t weight_bytes_ = 0;
  std::optional<Error> error_;
};

}  // namespace dak
