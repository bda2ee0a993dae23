#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "dakkar/cli/commands.h"
#include "dakkar/cli/local_model.h"
#include "dakkar/cli/model_summary.h"
#include "dakkar/device/sequence_table.h"
#include "dakkar/model/layers/attention.h"
#include "dakkar/model/layers/mamba2.h"
#include "dakkar/weights/tensor_table.h"

namespace dak {
namespace {

/// One row of the table of parameters.
struct Tally {
  int64_t tensors = 0;
  int64_t parameters = 0;
  int64_t bytes = 0;
};

constexpr int64_t kKvPageTokens = 128;

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

/// Where formats come from: the files, or what the config announces when there are none.
struct FormatSource {
  const WeightSet* weights = nullptr;  ///< null without files
  const QuantConfig& quant;
};

StoredTensor announced(const TensorSpec& spec, const QuantConfig& quant) {
  const int64_t count = spec.elements();
  switch (quant.algo_of(spec.module())) {
    case QuantAlgo::kNone:
      return {.format = "bf16", .bytes = 2 * count};
    case QuantAlgo::kFp8:
      return {.format = "fp8", .bytes = count};
    case QuantAlgo::kNvfp4:
    case QuantAlgo::kNvfp4Weight:
      return {.format = "nvfp4", .bytes = count / 2 + count / kNvfp4Block};
  }
  return {};
}

StoredTensor stored(const TensorSpec& spec, const FormatSource& source) {
  if (spec.role == TensorRole::kVector) {
    return {.format = "vectors", .bytes = 4 * spec.elements()};
  }
  if (source.weights == nullptr) {
    return announced(spec, source.quant);
  }
  const Result<QuantView> view = source.weights->find_linear(spec.module());
  if (!view) {  // an MTP head that a re-saved file lacks
    return {.format = "absent", .bytes = 0};
  }
  return {.format = std::string(name_of(view->format)), .bytes = view->bytes()};
}

using TallyTable = std::map<std::pair<std::string, std::string>, Tally>;

TallyTable tally(const std::vector<TensorSpec>& specs, const ModelConfig& config,
                 const FormatSource& source) {
  TallyTable table;
  for (const TensorSpec& spec : specs) {
    const StoredTensor tensor = stored(spec, source);
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

void print_memory(const ModelFolder& folder, DType stored) {
  const ModelConfig& config = folder.config;
  const DType kv = folder.quant.fp8_kv_cache ? DType::kF8E4M3 : DType::kBF16;
  int64_t page = 0;
  for (const std::vector<LayerKind>& layers : {config.layers, config.mtp_layers}) {
    page += std::count(layers.begin(), layers.end(), LayerKind::kAttention) *
            attention_page_bytes(config, kv);
  }
  MambaDims dims = mamba_dims(config, DType::kBF16, 0);
  dims.stored = stored;
  const int64_t block = config.count(LayerKind::kMamba) > 0 ? mamba_state_layout(dims).bytes : 0;
  const int64_t state = block * config.count(LayerKind::kMamba);
  fmt::print("\n  memory of one request, besides the weights\n");
  fmt::print("  {:<26} {:>12}   ({} Mamba layers of {}, {})\n", "state, whatever its length",
             human_bytes(state), config.count(LayerKind::kMamba), human_bytes(block),
             name_of(stored));
  fmt::print("  {:<26} {:>12}   ({} KV)\n", "KV cache per 1,000 tokens",
             human_bytes(page * 1000 / kKvPageTokens), kv == DType::kBF16 ? "bf16" : "fp8");
  const std::set<int64_t> lengths = {std::min<int64_t>(8192, config.max_positions),
                                     std::min<int64_t>(65536, config.max_positions),
                                     config.max_positions};
  for (const int64_t tokens : lengths) {
    const int64_t pages = (tokens + kKvPageTokens - 1) / kKvPageTokens;
    fmt::print("  {:<26} {:>12}\n", fmt::format("at {} tokens", tokens),
               human_bytes(state + pages * page));
  }
}

void print_tensors(const std::vector<TensorSpec>& specs, const FormatSource& source) {
  fmt::print("\n");
  for (const TensorSpec& spec : specs) {
    std::string shape;
    for (const int64_t size : spec.shape) {
      shape += fmt::format("{}{}", shape.empty() ? "" : " x ", size);
    }
    const StoredTensor tensor = stored(spec, source);
    fmt::print("  {:<64} {:>20} {:>6} {:>10}\n", spec.name, shape, tensor.format,
               human_bytes(tensor.bytes));
  }
}

void print_numbers(const ModelConfig& config) {
  fmt::print("  hidden     {}, vocabulary {}, trained for {} tokens\n", config.hidden, config.vocab,
             config.max_positions);
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

}  // namespace

Result<int> run_inspect(const InspectOptions& options, const BackendOpener& /*open_backend*/) {
  Result<ModelFolder> folder = ModelFolder::open(options.model.model);
  if (!folder) {
    return fail(folder.error());
  }
  std::optional<WeightSet> weights;
  if (options.model.load_format != "dummy" && has_weights(folder->path)) {
    Result<WeightSet> opened = open_weights(options.model, *folder, {});
    if (!opened) {
      return fail(opened.error());
    }
    weights.emplace(std::move(*opened));
  }
  const FormatSource source{.weights = weights ? &*weights : nullptr, .quant = folder->quant};
  const std::vector<TensorSpec> specs = tensor_table(folder->config);
  fmt::print("\n  {}  ({})\n\n", folder->name, folder->path.string());
  fmt::print("  layers     {}\n", layers_line(folder->config));
  print_pattern(folder->config);
  print_numbers(folder->config);
  if (!weights) {
    fmt::print("\n  no weights here: formats are what the config announces\n");
  }
  print_table(tally(specs, folder->config, source));
  print_memory(*folder, dtype_of(state_storage(options.model)));
  if (options.tensors) {
    print_tensors(specs, source);
  }
  fmt::print("\n");
  return 0;
}

}  // namespace dak
