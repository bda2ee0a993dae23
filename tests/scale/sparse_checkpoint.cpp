#include "scale/sparse_checkpoint.h"

#include <fstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "dakkar/base/check.h"
#include "dakkar/weights/checkpoint_writer.h"
#include "dakkar/weights/dummy_weights.h"
#include "dakkar/weights/family_configs.h"
#include "dakkar/weights/model_config.h"
#include "dakkar/weights/quant_config.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {
namespace {

using NamedTensor = std::pair<std::string, StoredTensor>;
using Shard = std::vector<NamedTensor>;

/// The model's tensors in the order of the forward pass, each followed by its scales.
std::vector<NamedTensor> in_file_order(const ModelConfig& config, const QuantConfig& quant) {
  StoredTensors tensors = plan_dummy(config, quant).tensors;
  std::vector<NamedTensor> ordered;
  for (const TensorSpec& spec : tensor_table(config)) {
    const std::string module = spec.module();
    for (const std::string& name :
         {spec.name, module + ".weight_scale", module + ".weight_scale_2", module + ".input_scale",
          module + ".k_scale", module + ".v_scale"}) {
      if (auto node = tensors.extract(name)) {
        ordered.emplace_back(node.key(), std::move(node.mapped()));
      }
    }
  }
  check(tensors.empty(), "every made-up tensor belongs to a module of the table");
  return ordered;
}

std::vector<Shard> dealt(std::vector<NamedTensor> tensors, int64_t shard_bytes) {
  std::vector<Shard> shards(1);
  int64_t bytes = 0;
  for (NamedTensor& tensor : tensors) {
    const int64_t size = tensor.second.bytes();
    if (bytes > 0 && bytes + size > shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    bytes += size;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  check(file.good(), "a checkpoint file is written");
}

/// The wider dtypes come first: exporters see to it that each tensor is aligned to its own.
void write_shard(const std::filesystem::path& path, const Shard& shard) {
  std::string header = "{";
  int64_t place = 0;
  for (const int64_t width : {4, 2, 1}) {
    for (const auto& [name, tensor] : shard) {
      if (size_of(tensor.dtype) != width) {
        continue;
      }
      header += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[", header.size() > 1 ? "," : "",
                            name, safetensors_dtype(tensor.dtype));
      for (size_t i = 0; i < tensor.shape.size(); ++i) {
        header += fmt::format("{}{}", i > 0 ? "," : "", tensor.shape[i]);
      }
      header += fmt::format("],\"data_offsets\":[{},{}]}}", place, place + tensor.bytes());
      place += tensor.bytes();
    }
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<uint64_t>(header.size());
  write_text(path, std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header);
  std::error_code error;
  std::filesystem::resize_file(path, sizeof(length) + length + static_cast<uint64_t>(place), error);
  check(!error, "a file with holes may be as large as the model");
}

}  // namespace

int64_t write_sparse_checkpoint(const std::filesystem::path& folder,
                                const SparseCheckpoint& checkpoint) {
  write_text(folder / "config.json", checkpoint.config);
  if (!checkpoint.quant_config.empty()) {
    write_text(folder / "hf_quant_config.json", checkpoint.quant_config);
  }
  const ModelConfig config = ModelConfig::load(folder).value();
  const QuantConfig quant = QuantConfig::load(folder).value();
  const std::vector<Shard> shards = dealt(in_file_order(config, quant), checkpoint.shard_bytes);
  std::string index = "{\"metadata\":{},\"weight_map\":{";
  int64_t count = 0;
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string name = fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    write_shard(folder / name, shards[i]);
    for (const NamedTensor& tensor : shards[i]) {
      index += fmt::format("{}\n\"{}\":\"{}\"", count++ > 0 ? "," : "", tensor.first, name);
    }
  }
  write_text(folder / "model.safetensors.index.json", index + "}}\n");
  return count;
}

SparseCheckpoint sparse_ultra() {
  SparseCheckpoint ultra;
  ultra.config = family::ultra();
  const ModelConfig config = ModelConfig::parse(ultra.config, "ultra").value();
  std::string modules;
  for (const TensorSpec& spec : tensor_table(config)) {
    const bool inner = spec.role == TensorRole::kLinear && !spec.name.starts_with("mtp.");
    const bool nvfp4 = inner && spec.name.find(".experts.") != std::string::npos;
    const bool fp8 = inner && (spec.name.find(".shared_experts.") != std::string::npos ||
                               spec.name.find(".in_proj.") != std::string::npos ||
                               spec.name.find(".out_proj.") != std::string::npos);
    if (nvfp4 || fp8) {
      modules +=
          fmt::format("{}\n\"{}\":{{{}}}", modules.empty() ? "" : ",", spec.module(),
                      nvfp4 ? R"("quant_algo":"NVFP4","group_size":16)" : R"("quant_algo":"FP8")");
    }
  }
  ultra.quant_config =
      R"({"producer":{"name":"modelopt"},"quantization":{"quant_algo":"MIXED_PRECISION",)"
      R"("kv_cache_quant_algo":"FP8","exclude_modules":["lm_head","mtp*"],"quantized_layers":{)" +
      modules + "}}}\n";
  return ultra;
}

}  // namespace dak
