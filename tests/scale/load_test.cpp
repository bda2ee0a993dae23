#include <algorithm>
#include <cstdio>
#include <fstream>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include "dakkar/base/process_memory.h"
#include "dakkar/device/backend.h"
#include "dakkar/model/model.h"
#include "dakkar/weights/checkpoint_writer.h"
#include "dakkar/weights/weight_set.h"
#include "scale/sparse_checkpoint.h"

namespace dak {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

/// Nemotron-like layers with NVFP4 experts and a wide vocabulary; `experts` sets the size.
SparseCheckpoint moe_checkpoint(int experts) {
  SparseCheckpoint checkpoint;
  checkpoint.config = fmt::format(
      R"({{"model_type":"nemotron_h","hybrid_override_pattern":"ME*E","vocab_size":65536,
"hidden_size":1024,"num_attention_heads":8,"num_key_value_heads":4,"head_dim":64,
"mamba_num_heads":16,"mamba_head_dim":64,"n_groups":4,"ssm_state_size":64,
"n_routed_experts":{},"num_experts_per_tok":2,"moe_intermediate_size":2048,
"moe_shared_expert_intermediate_size":2048,"intermediate_size":2048,"eos_token_id":2}})",
      experts);
  checkpoint.quant_config =
      R"({"quantization":{"quant_algo":"MIXED_PRECISION","quantized_layers":{
"backbone.layers.1.mixer.experts":{"quant_algo":"NVFP4","group_size":16},
"backbone.layers.3.mixer.experts":{"quant_algo":"NVFP4","group_size":16}}}})";
  checkpoint.shard_bytes = 256 * kMiB;
  return checkpoint;
}

/// A checkpoint folder and the models that ranks load from it, side by side as in a server.
class LoadTest : public testing::Test {
 protected:
  void write(int experts) { write_sparse_checkpoint(folder_.path(), moe_checkpoint(experts)); }

  /// Packed bytes of all ranks.
  int64_t load(int tp) {
    const ModelConfig config = ModelConfig::load(folder_.path()).value();
    const QuantConfig quant = QuantConfig::load(folder_.path()).value();
    const WeightSet weights = WeightSet::open(folder_.path(), config).value();
    std::vector<std::unique_ptr<Model>> models(static_cast<size_t>(tp));
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < tp; ++rank) {
      ranks.emplace_back([&, rank] {
        models[static_cast<size_t>(rank)] = load_model({.config = &config,
                                                        .quant = &quant,
                                                        .weights = &weights,
                                                        .backend = backend_.get(),
                                                        .tp = tp,
                                                        .rank = rank})
                                                .value();
      });
    }
    int64_t bytes = 0;
    for (int rank = 0; rank < tp; ++rank) {
      ranks[static_cast<size_t>(rank)].join();
      bytes += models[static_cast<size_t>(rank)]->weight_bytes();
    }
    return bytes;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_ = std::move(*open_reference());
};

/// Forgets the peak of what ran before, and what it left in the heap.
void reset_peak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

class LoadMemoryTest : public LoadTest, public testing::WithParamInterface<int> {};

TEST_P(LoadMemoryTest, IsThePackedWeightsAndLittleMore) {
  write(128);
  reset_peak();
  const int64_t before = peak_resident_bytes();
  const int64_t packed = load(GetParam());
  const int64_t peak = peak_resident_bytes() - before;
  fmt::print("load: tp {}: {} MiB packed, {} MiB more at the peak\n", GetParam(), packed / kMiB,
             (peak - packed) / kMiB);
  EXPECT_GT(packed, 700 * kMiB);
  EXPECT_LE(peak, packed + DAKKAR_LOAD_SPARE_MIB * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Ranks, LoadMemoryTest, testing::Values(1, 4));

/// Bytes that this process has had the kernel read from disks.
int64_t disk_reads() {
  std::ifstream io("/proc/self/io");
  std::string key;
  int64_t bytes = 0;
  while (io >> key >> bytes) {
    if (key == "read_bytes:") {
      return bytes;
    }
  }
  return 0;
}

/// Puts bytes that are no holes into every file and leaves none of them in memory.
int64_t fill_and_forget(const std::filesystem::path& folder) {
  std::mt19937 random(7);
  std::string block(static_cast<size_t>(kMiB), '\0');
  // Small numbers in every format that the checkpoint has.
  std::generate(block.begin(), block.end(), [&] { return static_cast<char>(random() % 32); });
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") {
      continue;
    }
    const auto size = static_cast<int64_t>(entry.file_size());
    bytes += size;
    const int fd = open(entry.path().c_str(), O_RDWR);
    for (int64_t at = 4 * kMiB; at < size; at += kMiB) {
      const auto part = static_cast<size_t>(std::min(kMiB, size - at));
      EXPECT_EQ(pwrite(fd, block.data(), part, at), static_cast<ssize_t>(part));
    }
    fsync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
  return bytes;
}

TEST_F(LoadTest, ReadsEachByteOfTheFilesOnceForAllRanks) {
  write(16);
  const int64_t files = fill_and_forget(folder_.path());
  const int64_t before = disk_reads();
  load(4);
  const int64_t read = disk_reads() - before;
  if (read < files / 2) {
    GTEST_SKIP() << "this file system keeps its files in memory: " << read << " bytes read";
  }
  fmt::print("load: tp 4 read {:.3f} bytes from disk for each byte of the files\n",
             static_cast<double>(read) / static_cast<double>(files));
  EXPECT_LE(static_cast<double>(read), 1.03 * static_cast<double>(files));
}

}  // namespace
}  // namespace dak
