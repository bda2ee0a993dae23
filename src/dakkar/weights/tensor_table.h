#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dakkar/weights/model_config.h"

namespace dak {

/// How a tensor is cut between tensor-parallel ranks; `shard.h` turns it into rows and columns.
enum class ShardRule : uint8_t {
  kReplicate,      ///< every rank holds all of it
  kVocabRows,      ///< rows dealt over the vocabulary
  kInProjRows,     ///< rows inside each of the segments z, x, B, C, dt
  kConvChannels,   ///< rows inside each of the segments x, B, C
  kMambaHeads,     ///< one row per Mamba head
  kMambaChannels,  ///< P rows per Mamba head
  kMambaColumns,   ///< P columns per Mamba head
  kQueryRows,      ///< D rows per query head
  kKvRows,         ///< D rows per KV head; copied where ranks outnumber heads
  kQueryColumns,   ///< D columns per query head
  kInnerRows,      ///< rows of an MLP's inner width, in blocks of 16
  kInnerColumns,   ///< columns of that width
  kExpertRows,     ///< as `kInnerRows`; whole where experts are dealt
  kExpertColumns,  ///< as `kInnerColumns`; whole where experts are dealt
  kLatentColumns,  ///< columns in blocks of 16 where experts are dealt, else all
};

/// What a tensor is to the loader.
enum class TensorRole : uint8_t {
  kLinear,  ///< `module`.weight, a matrix that may be quantized: read with `find_linear(module)`
  kVector,  ///< anything else: read with `vector(name)`
};

/// One tensor that a model needs, under its name in the file (`backbone.` form).
struct TensorSpec {
  std::string name;
  std::vector<int64_t> shape{};  ///< logical shape, [out, in] for linears
  TensorRole role = TensorRole::kVector;
  ShardRule rule = ShardRule::kReplicate;

  [[nodiscard]] int64_t elements() const;
  /// The name without ".weight".
  [[nodiscard]] std::string module() const;
};

/// All tensors of the model, MTP head included, in the order of the forward pass.
///
/// Source: the published checkpoints of the family; the totals of four of them are tested.
[[nodiscard]] std::vector<TensorSpec> tensor_table(const ModelConfig& config);

}  // namespace dak
