#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace dak {

/// What a checkpoint of a family member is written from.
struct SparseCheckpoint {
  std::string config;                      ///< text of config.json
  std::string quant_config;                ///< text of hf_quant_config.json; empty: none is written
  int64_t shard_bytes = int64_t{5} << 30;  ///< a new file begins where a shard would grow beyond it
};

/// Writes a checkpoint whose headers and index are real and whose data are holes: as large as the
/// model for a reader, a few megabytes on disk. Gives the number of tensors. Aborts on bad configs
/// and full disks.
int64_t write_sparse_checkpoint(const std::filesystem::path& folder,
                                const SparseCheckpoint& checkpoint);

/// Nemotron 3 Ultra as it is released: routed experts NVFP4, shared experts and Mamba projections
/// FP8, the rest BF16, an FP8 KV cache, each expert named in the quantization config.
[[nodiscard]] SparseCheckpoint sparse_ultra();

}  // namespace dak
