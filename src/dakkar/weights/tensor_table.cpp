#include "dakkar/weights/tensor_table.h"

#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace dak {
namespace {

/// Appends specs under a common prefix.
class TableWriter final {
 public:
  TableWriter(const ModelConfig& config, std::vector<TensorSpec>& table)
      : config_(config), table_(table) {}

  void linear(const std::string& module, std::vector<int64_t> shape,
              ShardRule rule = ShardRule::kReplicate) {
    table_.push_back({module + ".weight", std::move(shape), TensorRole::kLinear, rule});
  }
  void vector(std::string name, std::vector<int64_t> shape,
              ShardRule rule = ShardRule::kReplicate) {
    table_.push_back({std::move(name), std::move(shape), TensorRole::kVector, rule});
  }

  void layer(const std::string& prefix, LayerKind kind, int64_t mlp_inner) {
    vector(prefix + "norm.weight", {config_.hidden});
    const std::string mixer = prefix + "mixer.";
    switch (kind) {
      case LayerKind::kMamba:
        return mamba(mixer);
      case LayerKind::kAttention:
        return attention(mixer);
      case LayerKind::kMlp:
        return mlp(mixer, {config_.hidden, mlp_inner});
      case LayerKind::kMoe:
        return moe(mixer);
    }
  }

 private:
  struct MlpSizes {
    int64_t width;  ///< read and written
    int64_t inner;
  };

  void mamba(const std::string& mixer) {
    const MambaConfig& m = config_.mamba;
    linear(mixer + "in_proj", {m.in_proj_rows(), config_.hidden}, ShardRule::kInProjRows);
    vector(mixer + "conv1d.weight", {m.conv_channels(), 1, m.conv_kernel},
           ShardRule::kConvChannels);
    if (m.conv_bias) {
      vector(mixer + "conv1d.bias", {m.conv_channels()}, ShardRule::kConvChannels);
    }
    for (const std::string_view name : {"A_log", "D", "dt_bias"}) {
      vector(mixer + std::string(name), {m.heads}, ShardRule::kMambaHeads);
    }
    vector(mixer + "norm.weight", {m.inner()}, ShardRule::kMambaChannels);
    linear(mixer + "out_proj", {config_.hidden, m.inner()}, ShardRule::kMambaColumns);
  }

  void attention(const std::string& mixer) {
    const AttentionConfig& a = config_.attention;
    linear(mixer + "q_proj", {a.query_width(), config_.hidden}, ShardRule::kQueryRows);
    linear(mixer + "k_proj", {a.kv_width(), config_.hidden}, ShardRule::kKvRows);
    linear(mixer + "v_proj", {a.kv_width(), config_.hidden}, ShardRule::kKvRows);
    linear(mixer + "o_proj", {config_.hidden, a.query_width()}, ShardRule::kQueryColumns);
  }

  void mlp(const std::string& prefix, MlpSizes sizes) {
    linear(prefix + "up_proj", {sizes.inner, sizes.width}, ShardRule::kInnerRows);
    linear(prefix + "down_proj", {sizes.width, sizes.inner}, ShardRule::kInnerColumns);
  }

  void expert(const std::string& prefix, MlpSizes sizes) {
    linear(prefix + "up_proj", {sizes.inner, sizes.width}, ShardRule::kExpertRows);
    linear(prefix + "down_proj", {sizes.width, sizes.inner}, ShardRule::kExpertColumns);
  }

  void moe(const std::string& mixer) {
    const MoeConfig& moe = config_.moe;
    linear(mixer + "gate", {moe.experts, config_.hidden});
    vector(mixer + "gate.e_score_correction_bias", {moe.experts});
    if (moe.latent > 0) {
      linear(mixer + "fc1_latent_proj", {moe.latent, config_.hidden});
      linear(mixer + "fc2_latent_proj", {config_.hidden, moe.latent}, ShardRule::kLatentColumns);
    }
    for (int64_t e = 0; e < moe.experts; ++e) {
      expert(fmt::format("{}experts.{}.", mixer, e), {config_.expert_width(), moe.inner});
    }
    if (moe.shared_inner > 0) {
      mlp(mixer + "shared_experts.", {config_.hidden, moe.shared_inner});
    }
  }

  const ModelConfig& config_;
  std::vector<TensorSpec>& table_;
};

/// One MTP depth; its inner layers carry flat numbers from `first` on.
void write_mtp_depth(const ModelConfig& config, int64_t first, TableWriter& writer) {
  const auto count = static_cast<int64_t>(config.mtp_layers.size());
  for (int64_t i = 0; i < count; ++i) {
    const std::string prefix = fmt::format("mtp.layers.{}.", first + i);
    if (i == 0) {
      writer.vector(prefix + "enorm.weight", {config.hidden});
      writer.vector(prefix + "hnorm.weight", {config.hidden});
      writer.linear(prefix + "eh_proj", {config.hidden, 2 * config.hidden});
    }
    writer.layer(prefix, config.mtp_layers[static_cast<size_t>(i)], 0);
    if (i + 1 == count) {
      writer.vector(prefix + "final_layernorm.weight", {config.hidden});
    }
  }
}

}  // namespace

int64_t TensorSpec::elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) {
    product *= size;
  }
  return product;
}

std::string TensorSpec::module() const {
  constexpr std::string_view kSuffix = ".weight";
  return name.ends_with(kSuffix) ? name.substr(0, name.size() - kSuffix.size()) : name;
}

std::vector<TensorSpec> tensor_table(const ModelConfig& config) {
  std::vector<TensorSpec> table;
  TableWriter writer(config, table);
  writer.linear("backbone.embeddings", {config.vocab, config.hidden}, ShardRule::kVocabRows);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    writer.layer(fmt::format("backbone.layers.{}.", i), config.layers[i], config.mlp_inner[i]);
  }
  writer.vector("backbone.norm_f.weight", {config.hidden});
  writer.linear("lm_head", {config.vocab, config.hidden}, ShardRule::kVocabRows);
  const auto inner = static_cast<int64_t>(config.mtp_layers.size());
  for (int64_t depth = 0; depth < config.mtp_depths; ++depth) {
    write_mtp_depth(config, depth * inner, writer);
  }
  return table;
}

}  // namespace dak
