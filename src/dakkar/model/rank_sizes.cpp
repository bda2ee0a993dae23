#include "dakkar/model/rank_sizes.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "dakkar/device/sequence_table.h"
#include "dakkar/model/layers/attention.h"
#include "dakkar/model/layers/mamba2.h"
#include "dakkar/weights/shard.h"

namespace dak {
namespace {

/// Whether the tensor is of a routed expert that the first rank does not hold.
bool is_elsewhere(std::string_view name, const RankSizesArgs& args) {
  constexpr std::string_view kExperts = ".mixer.experts.";
  const size_t at = name.find(kExperts);
  if (args.grid.ep == 1 || at == std::string_view::npos) {
    return false;
  }
  const std::string_view rest = name.substr(at + kExperts.size());
  int64_t expert = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), expert);
  return expert >= expert_range(args.config.moe.experts, shard_of(args.grid, 0)).end;
}

/// Elements of a tensor that the first rank keeps; no rank keeps more.
int64_t kept_elements(const TensorSpec& spec, const RankSizesArgs& args) {
  if (is_elsewhere(spec.name, args)) {
    return 0;
  }
  const Slice slice = slice_of(spec, args.config, shard_of(args.grid, 0));
  return slice.row_count() * std::max<int64_t>(slice.columns.size(), 1);
}

enum class Head { kAbsent, kPresent };

CacheSpec cache_of(const RankSizesArgs& args, Head head) {
  const ModelConfig local = local_config(args.config, shard_of(args.grid, 0));
  const DType kv = args.quant.fp8_kv_cache ? DType::kF8E4M3 : local.dtype;
  CacheSpec spec;
  spec.page_tokens = kChunkTokens;
  spec.vocab = args.config.vocab;
  spec.state_layers = local.count(LayerKind::kMamba);
  MambaDims dims = mamba_dims(local, local.dtype, 0);
  dims.stored = args.state;
  spec.state_layer_bytes = mamba_state_layout(dims).bytes;
  if (args.state != DType::kF32 && spec.state_layers > 0) {
    spec.carry_layer_bytes = mamba_carry_layout(dims).bytes;
  }
  int64_t attention_layers = local.count(LayerKind::kAttention);
  if (head == Head::kPresent) {
    attention_layers +=
        std::count(local.mtp_layers.begin(), local.mtp_layers.end(), LayerKind::kAttention);
  }
  const int64_t parts = kv_parts(args.config.attention, shard_of(args.grid, 0));
  spec.page_bytes = attention_layers * attention_page_bytes(local, kv, parts);
  return spec;
}

}  // namespace

QuantFormat announced_format(const TensorSpec& spec, const QuantConfig& quant) {
  switch (quant.algo_of(spec.module())) {
    case QuantAlgo::kNone:
      return QuantFormat::kBF16;
    case QuantAlgo::kFp8:
      return QuantFormat::kFp8;
    case QuantAlgo::kNvfp4:
    case QuantAlgo::kNvfp4Weight:
      return QuantFormat::kNvfp4;
  }
  return QuantFormat::kBF16;
}

int64_t stored_bytes(QuantFormat format, int64_t elements) {
  switch (format) {
    case QuantFormat::kF32:
      return 4 * elements;
    case QuantFormat::kF16:
    case QuantFormat::kBF16:
      return 2 * elements;
    case QuantFormat::kFp8:
      return elements;
    case QuantFormat::kNvfp4:
      return elements / 2 + elements / kNvfp4Block;
  }
  return 0;
}

RankSizes rank_sizes(const RankSizesArgs& args) {
  RankSizes sizes;
  Head head = Head::kAbsent;
  for (const TensorSpec& spec : tensor_table(args.config)) {
    const bool linear = spec.role == TensorRole::kLinear;
    const std::optional<QuantFormat> format =
        linear ? args.format_of(spec) : std::optional(QuantFormat::kF32);
    if (!format) {
      continue;
    }
    if (linear && spec.name.starts_with("mtp.")) {
      head = Head::kPresent;
    }
    sizes.weight_bytes += stored_bytes(*format, kept_elements(spec, args));
  }
  sizes.cache = cache_of(args, head);
  return sizes;
}

}  // namespace dak
