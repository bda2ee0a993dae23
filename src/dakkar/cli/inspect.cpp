#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/cli/model_summary.h"
#include "dakkar/cli/npy.h"
#include "dakkar/cli/print_plan.h"
#include "dakkar/device/packed_weight.h"
#include "dakkar/device/weight_rows.h"
#include "dakkar/model/rank_sizes.h"
#include "dakkar/weights/shard.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {
namespace {

/// One row of the table of parameters.
struct Tally {
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;
};

/// What a tensor belongs to, by its name.
std::string part_of(const TensorSpec& spec, const ModelConfig& config) {
  if (spec.name.starts_with("mtp.")) {
    return "MTP head";
  }
  constexpr std::string_view kLayers = "backbone.layers.";
  if (!spec.name.starts_with(kLayers)) {
    return spec.name.find("embeddings") != std::string::npos ? "embeddings"
           : spec.name.starts_with("lm_head")                ? "output head"
                                                             : "norms";
  }
  const auto layer = static_cast<size_t>(std::stoll(spec.name.substr(kLayers.size())));
  if (spec.name.find(".mixer.") == std::string::npos) {
    return "norms";
  }
  switch (config.layers[layer]) {
    case LayerKind::kMamba:
      return "Mamba-2";
    case LayerKind::kAttention:
      return "attention";
    case LayerKind::kMlp:
      return "MLP";
    case LayerKind::kMoe:
      return spec.name.find(".experts.") != std::string::npos ? "routed experts"
                                                              : "MoE shared parts";
  }
  return "norms";
}

struct StoredTensor {
  std::string format;
  int64_t bytes = 0;
};

StoredTensor stored(const TensorSpec& spec, const FormatOf& format_of) {
  if (spec.role == TensorRole::kVector) {
    return {.format = "vectors", .bytes = 4 * spec.elements()};
  }
  const std::optional<QuantFormat> format = format_of(spec);
  if (!format) {  // an MTP head that a re-saved file lacks
    return {.format = "absent", .bytes = 0};
  }
  return {.format = std::string(name_of(*format)), .bytes = stored_bytes(*format, spec.elements())};
}

using TallyTable = std::map<std::pair<std::string, std::string>, Tally>;

TallyTable tally(const std::vector<TensorSpec>& specs, const ModelConfig& config,
                 const FormatOf& format_of) {
  TallyTable table;
  for (const TensorSpec& spec : specs) {
    const StoredTensor tensor = stored(spec, format_of);
    Tally& row = table[{part_of(spec, config), tensor.format}];
    ++row.tensors;
    row.parameters += spec.elements();
    row.bytes += tensor.bytes;
  }
  return table;
}

void print_table(const TallyTable& table) {
  Tally all;
  for (const auto& [key, row] : table) {
    all.tensors += row.tensors;
    all.parameters += row.parameters;
    all.bytes += row.bytes;
  }
  fmt::print("\n  {:<18} {:<8} {:>8} {:>12} {:>12} {:>7}\n", "part", "format", "tensors",
             "parameters", "bytes", "share");
  for (const auto& [key, row] : table) {
    fmt::print("  {:<18} {:<8} {:>8} {:>12} {:>12} {:>6.1f}%\n", key.first, key.second, row.tensors,
               human_count(row.parameters), human_bytes(row.bytes),
               100.0 * static_cast<double>(row.bytes) / static_cast<double>(all.bytes));
  }
  fmt::print("  {:<18} {:<8} {:>8} {:>12} {:>12}\n", "total", "", all.tensors,
             human_count(all.parameters), human_bytes(all.bytes));
}

void print_pattern(const ModelConfig& config) {
  std::string pattern;
  for (const LayerKind kind : config.layers) {
    pattern += letter_of(kind);
  }
  constexpr size_t kRow = 60;
  for (size_t at = 0; at < pattern.size(); at += kRow) {
    fmt::print("  {} {}\n", at == 0 ? "pattern   " : "          ", pattern.substr(at, kRow));
  }
}

void print_tensors(const std::vector<TensorSpec>& specs, const FormatOf& format_of) {
  fmt::print("\n");
  for (const TensorSpec& spec : specs) {
    std::string shape;
    for (const int64_t size : spec.shape) {
      shape += fmt::format("{}{}", shape.empty() ? "" : " x ", size);
    }
    const StoredTensor tensor = stored(spec, format_of);
    fmt::print("  {:<64} {:>20} {:>6} {:>10}\n", spec.name, shape, tensor.format,
               human_bytes(tensor.bytes));
  }
}

void print_numbers(const ModelConfig& config) {
  fmt::print("  hidden     {}, vocabulary {}, trained for {} tokens\n", config.hidden, config.vocab,
             config.trained_positions);
  if (config.count(LayerKind::kMamba) > 0) {
    fmt::print("  Mamba-2    {} heads of {}, state {}, {} groups, convolution over {}\n",
               config.mamba.heads, config.mamba.head_dim, config.mamba.state, config.mamba.groups,
               config.mamba.conv_kernel);
  }
  if (config.count(LayerKind::kAttention) > 0) {
    fmt::print("  attention  {} query heads, {} KV heads, of {}\n", config.attention.query_heads,
               config.attention.kv_heads, config.attention.head_dim);
  }
  if (config.moe.experts > 0) {
    fmt::print("  MoE        {} experts of {}, {} per token, latent {}, shared {}\n",
               config.moe.experts, config.moe.inner, config.moe.chosen, config.moe.latent,
               config.moe.shared_inner);
  }
}

bool has_weights(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".safetensors") {
      return true;
    }
  }
  return std::filesystem::exists(folder / "model.safetensors.index.json", ignored);
}

/// Writes a linear as the reference kernels read it, times its scale.
Result<int> write_matrix(const InspectOptions& options, const WeightSet& weights) {
  const Result<QuantView> stored = weights.find_linear(options.matrix);
  if (!stored) {
    return fail(stored.error());
  }
  const Result<PackedWeight> packed = pack_reference(*stored, Numerics::kF32);
  if (!packed) {
    return fail(packed.error());
  }
  const auto width = static_cast<size_t>(packed->k);
  std::vector<float> values(static_cast<size_t>(packed->n) * width);
  for (int64_t n = 0; n < packed->n; ++n) {
    decode_row(*packed, n, std::span(values).subspan(static_cast<size_t>(n) * width, width));
  }
  for (float& value : values) {
    value *= packed->output_scale;
  }
  if (const Status written = write_npy(options.npy_file, values, packed->n, packed->k); !written) {
    return fail(written.error());
  }
  fmt::print("{}: float32 [{}, {}] of {}\n", options.npy_file, packed->n, packed->k,
             name_of(packed->format));
  return 0;
}

}  // namespace

Result<int> run_inspect(const InspectOptions& options, const BackendOpener& /*open_backend*/) {
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  const RankGrid grid = options.model.grid();
  for (const Status& fits : {check_grid(grid), check_shard(folder->config, shard_of(grid, 0))}) {
    if (!fits) {
      return fail(fits.error());
    }
  }
  std::optional<WeightSet> weights;
  if (options.model.load_format != "dummy" && has_weights(folder->path)) {
    Result<WeightSet> opened = open_weights(options.model, *folder, {});
    if (!opened) {
      return fail(opened.error());
    }
    weights.emplace(std::move(*opened));
  }
  if (!options.matrix.empty()) {
    return weights ? write_matrix(options, *weights)
                   : fail(ErrorCode::kNotFound,
                          fmt::format("{} has no weights", folder->path.string()));
  }
  const FormatOf format_of = [&](const TensorSpec& spec) {
    return weights ? weights->stored_format(spec.module()) : announced_format(spec, folder->quant);
  };
  const std::vector<TensorSpec> specs = tensor_table(folder->config);
  fmt::print("\n  {}  ({})\n\n", folder->name, folder->path.string());
  fmt::print("  layers     {}\n", layers_line(folder->config));
  print_pattern(folder->config);
  print_numbers(folder->config);
  if (!weights) {
    fmt::print("\n  no weights here: formats are what the config announces\n");
  }
  print_table(tally(specs, folder->config, format_of));
  print_plan({.config = folder->config,
              .quant = folder->quant,
              .format_of = format_of,
              .grid = grid,
              .state = dtype_of(state_storage(options.model)),
              .memory_gib = options.memory_gib,
              .max_model_len = options.model.max_model_len});
  if (options.tensors) {
    print_tensors(specs, format_of);
  }
  fmt::print("\n");
  return 0;
}

}  // namespace dak
