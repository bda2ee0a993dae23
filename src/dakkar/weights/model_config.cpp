#include "dakkar/weights/model_config.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/core.h>

#include "dakkar/weights/config_fields.h"
#include "dakkar/weights/layer_list.h"
#include "dakkar/weights/locate_model.h"
#include "dakkar/weights/text_file.h"

namespace dak {
namespace {

// Bounds far above every real model, low enough that no product of sizes overflows.
constexpr int64_t kMaxWidth = 1 << 18;
constexpr int64_t kMaxHeads = 1 << 14;
constexpr int64_t kMaxHeadDim = 1 << 12;
constexpr int64_t kMaxVocab = 1 << 24;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxExperts = 1 << 14;
constexpr int64_t kMaxExpertMatrices = 1 << 19;
constexpr int64_t kMaxMtpDepths = 8;

void check_family(ConfigFields& fields) {
  for (const std::string_view wrapper : {"llm_config", "text_config"}) {
    fields.refuse_present({wrapper}, "wrappers of other modalities are not supported");
  }
  const std::string type = fields.text({"model_type"}, "nemotron_h");
  if (type == "nemotron_h_puzzle" || fields.find({"block_configs"})) {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  "nemotron_h_puzzle models, whose layers differ in size, are not supported");
  } else if (type != "nemotron_h") {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  fmt::format("model_type is {}, this program serves nemotron_h only",
                              json_quote(std::string_view(type).substr(0, 80))));
  }
}

void check_rotary(ConfigFields& fields) {
  constexpr std::string_view kReason = "the family has no rotary positions to scale";
  fields.refuse_present({"rope_scaling"}, kReason);
  const auto parameters = fields.find({"rope_parameters"});
  const auto type = parameters ? parameters->find("rope_type") : std::nullopt;
  if (type && type->as_string() != std::string_view("default")) {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  fmt::format("rope_parameters.rope_type: {}", kReason));
  }
}

void check_activation(ConfigFields& fields, std::string_view field, std::string_view wanted) {
  const std::string found = fields.text({field}, wanted);
  if (found != wanted && !(wanted == "silu" && found == "swish")) {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  fmt::format("{} is {}, only {} is supported", field,
                              json_quote(std::string_view(found).substr(0, 80)), wanted));
  }
}

/// Refuses by name what would change the maths without changing a shape.
void check_supported(ConfigFields& fields) {
  check_family(fields);
  check_rotary(fields);
  fields.refuse_present({"sliding_window"}, "attention windows are not supported");
  fields.refuse_true({"tie_word_embeddings"}, "tied embeddings are not supported");
  for (const std::string_view bias :
       {"attention_bias", "mlp_bias", "use_bias", "mamba_proj_bias"}) {
    fields.refuse_true({bias}, "the linears of this family have no biases");
  }
  check_activation(fields, "mlp_hidden_act", "relu2");
  check_activation(fields, "mamba_hidden_act", "silu");
  check_activation(fields, "scoring_func", "sigmoid");
}

LayerLists read_list(ConfigFields& fields, ConfigFields::Names names) {
  LayerLists merged;
  bool found = false;
  for (const std::string_view name : names) {
    const auto value = fields.find({name});
    if (!value) {
      continue;
    }
    auto lists = parse_layers(*value);
    if (!lists) {
      fields.refuse(lists.error().code, lists.error().message);
      return {};
    }
    if (found && lists->main != merged.main) {
      fields.refuse(ErrorCode::kCorruptFile,
                    fmt::format("{} and another spelling of the layer list differ", name));
    }
    if (!found || !lists->mtp.empty()) {
      merged = std::move(*lists);
    }
    found = true;
  }
  return merged;
}

void read_mtp(ConfigFields& fields, const LayerLists& lists, ModelConfig& config) {
  config.mtp_depths =
      fields.integer({"num_nextn_predict_layers"}, {0, kMaxMtpDepths}, lists.mtp_depths);
  if (config.mtp_depths == 0) {
    return;
  }
  const LayerLists own =
      read_list(fields, {"mtp_hybrid_override_pattern", "mtp_layers_block_type"});
  config.mtp_layers = own.main.empty() ? lists.mtp : own.main;
  if (config.mtp_layers.empty()) {
    config.mtp_layers = {LayerKind::kAttention, LayerKind::kMoe};
  }
  for (const LayerKind kind : config.mtp_layers) {
    if (kind == LayerKind::kMamba || kind == LayerKind::kMlp) {
      fields.refuse(ErrorCode::kUnsupportedModel,
                    "the MTP head may hold attention and moe layers only");
    }
  }
}

void read_layers(ConfigFields& fields, ModelConfig& config) {
  LayerLists lists =
      read_list(fields, {"hybrid_override_pattern", "layers_block_type", "layer_types"});
  config.layers = std::move(lists.main);
  const auto count = static_cast<int64_t>(config.layers.size());
  if (count == 0 || count > kMaxLayers) {
    fields.refuse(ErrorCode::kCorruptFile,
                  count == 0 ? "hybrid_override_pattern or layers_block_type is missing"
                             : fmt::format("{} layers are more than {}", count, kMaxLayers));
    return;
  }
  const int64_t stated = fields.integer({"num_hidden_layers"}, {0, kMaxLayers}, count);
  if (stated != count) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("num_hidden_layers is {}, but the layer list has {}", stated, count));
  }
  read_mtp(fields, lists, config);
}

void read_mlp_widths(ConfigFields& fields, ModelConfig& config) {
  std::vector<int64_t> widths;
  const auto value = fields.find({"intermediate_size"});
  if (value && value->is_array()) {
    const auto elements = value->as_array();
    for (const JsonView& element : *elements) {
      widths.push_back(element.as_integer().value_or(0));
    }
  } else {
    widths.push_back(fields.integer({"intermediate_size"}, {1, kMaxWidth}, 21504));
  }
  size_t ordinal = 0;
  config.mlp_inner.assign(config.layers.size(), 0);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (config.layers[i] != LayerKind::kMlp) {
      continue;
    }
    const size_t which = widths.size() == 1 ? 0 : ordinal++;
    const int64_t width = which < widths.size() ? widths[which] : 0;
    if (width < 1 || width > kMaxWidth) {
      fields.refuse(ErrorCode::kCorruptFile,
                    fmt::format("intermediate_size has no usable width for layer {}", i));
    }
    config.mlp_inner[i] = width;
  }
}

void read_time_step_limit(ConfigFields& fields, MambaConfig& mamba) {
  const auto value = fields.find({"time_step_limit", "mamba_dt_limit"});
  if (!value) {
    return;
  }
  const auto limits = value->as_array();
  const bool pair =
      limits && limits->size() == 2 && (*limits)[0].is_number() && (*limits)[1].is_number();
  const double low = pair ? (*limits)[0].as_number().value() : -1.0;
  const double high = pair ? (*limits)[1].as_number().value() : -1.0;
  if (!(low >= 0.0 && high > low)) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("{} must be two numbers, 0 <= low < high", value->path()));
    return;
  }
  constexpr double kMost = std::numeric_limits<float>::max();
  mamba.dt_min = static_cast<float>(std::min(low, kMost));
  mamba.dt_max = high > kMost ? std::numeric_limits<float>::infinity() : static_cast<float>(high);
}

void read_mamba(ConfigFields& fields, MambaConfig& mamba) {
  mamba.heads = fields.integer({"mamba_num_heads"}, {1, kMaxHeads}, 128);
  mamba.head_dim = fields.integer({"mamba_head_dim"}, {1, kMaxHeadDim}, 64);
  mamba.groups = fields.integer({"n_groups", "mamba_n_groups"}, {1, kMaxHeads}, 8);
  mamba.state = fields.integer({"ssm_state_size"}, {1, kMaxHeadDim}, 128);
  mamba.conv_kernel = fields.integer({"conv_kernel", "mamba_d_conv"}, {2, 16}, 4);
  mamba.chunk = fields.integer({"chunk_size", "mamba_chunk_size"}, {1, 1 << 16}, 128);
  mamba.conv_bias = fields.flag({"use_conv_bias", "mamba_conv_bias"}, true);
  mamba.ssm_cache_dtype = fields.text({"mamba_ssm_cache_dtype"}, "float32");
  read_time_step_limit(fields, mamba);
  if (mamba.heads % mamba.groups != 0) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("mamba_num_heads {} is not a multiple of n_groups {}", mamba.heads,
                              mamba.groups));
  }
  const std::string& dtype = mamba.ssm_cache_dtype;
  if (dtype != "float32" && dtype != "float16" && dtype != "bfloat16") {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  fmt::format("mamba_ssm_cache_dtype is {}, which is none of float32, float16, "
                              "bfloat16",
                              json_quote(std::string_view(dtype).substr(0, 40))));
  }
}

void read_attention(ConfigFields& fields, AttentionConfig& attention) {
  attention.query_heads = fields.integer({"num_attention_heads"}, {1, kMaxHeads}, 32);
  attention.kv_heads = fields.integer({"num_key_value_heads"}, {1, kMaxHeads}, 8);
  attention.head_dim = fields.integer({"head_dim", "attention_head_dim"}, {1, kMaxHeadDim}, 128);
  if (attention.query_heads % attention.kv_heads != 0) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("num_attention_heads {} is not a multiple of num_key_value_heads {}",
                              attention.query_heads, attention.kv_heads));
  }
}

void check_routing(ConfigFields& fields, const MoeConfig& moe) {
  const bool groups_fit = moe.experts % moe.n_group == 0 && moe.topk_group <= moe.n_group &&
                          (moe.n_group == 1 || moe.experts / moe.n_group >= 2);
  if (!groups_fit) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("{} experts, n_group {} and topk_group {} do not fit together",
                              moe.experts, moe.n_group, moe.topk_group));
  } else if (moe.chosen > moe.experts / moe.n_group * moe.topk_group) {
    fields.refuse(
        ErrorCode::kCorruptFile,
        fmt::format("num_experts_per_tok {} is more than there are experts to choose from",
                    moe.chosen));
  }
  if (!std::isfinite(moe.routed_scaling)) {
    fields.refuse(ErrorCode::kCorruptFile, "routed_scaling_factor is not finite");
  }
}

void read_moe(ConfigFields& fields, ModelConfig& config) {
  const bool in_head = std::find(config.mtp_layers.begin(), config.mtp_layers.end(),
                                 LayerKind::kMoe) != config.mtp_layers.end();
  if (config.count(LayerKind::kMoe) == 0 && !in_head) {
    return;
  }
  MoeConfig& moe = config.moe;
  moe.experts = fields.integer({"n_routed_experts", "num_local_experts"}, {1, kMaxExperts});
  moe.chosen = fields.integer({"num_experts_per_tok"}, {1, kMaxExperts});
  moe.inner = fields.integer({"moe_intermediate_size"}, {1, kMaxWidth});
  moe.latent = fields.integer({"moe_latent_size"}, {1, kMaxWidth}, 0);
  const int64_t shared = fields.integer({"n_shared_experts"}, {0, 64}, 1);
  if (shared > 0) {
    moe.shared_inner =
        shared * fields.integer({"moe_shared_expert_intermediate_size"}, {1, kMaxWidth});
  }
  moe.routed_scaling = static_cast<float>(fields.number({"routed_scaling_factor"}, 1.0));
  moe.normalise = fields.flag({"norm_topk_prob"}, true);
  moe.n_group = fields.integer({"n_group"}, {1, kMaxExperts}, 1);
  moe.topk_group = fields.integer({"topk_group"}, {1, kMaxExperts}, 1);
  check_routing(fields, moe);
  const auto layers = static_cast<int64_t>(config.layers.size());
  if (layers * moe.experts > kMaxExpertMatrices) {
    fields.refuse(ErrorCode::kCorruptFile,
                  fmt::format("{} layers of {} experts are absurdly many", layers, moe.experts));
  }
}

DType read_dtype(ConfigFields& fields) {
  const std::string name = fields.text({"dtype", "torch_dtype"}, "bfloat16");
  if (name == "bfloat16") {
    return DType::kBF16;
  }
  if (name == "float16") {
    return DType::kF16;
  }
  if (name != "float32") {
    fields.refuse(ErrorCode::kUnsupportedModel,
                  fmt::format("dtype is {}, which is none of bfloat16, float16, float32",
                              json_quote(std::string_view(name).substr(0, 40))));
  }
  return DType::kF32;
}

float read_eps(ConfigFields& fields) {
  const double eps = fields.number({"layer_norm_epsilon", "norm_eps", "rms_norm_eps"}, 1e-5);
  if (!(eps > 0.0 && eps < 1.0)) {
    fields.refuse(ErrorCode::kCorruptFile, "layer_norm_epsilon is not between 0 and 1");
  }
  return static_cast<float>(eps);
}

}  // namespace

int64_t ModelConfig::count(LayerKind kind) const {
  return std::count(layers.begin(), layers.end(), kind);
}

Result<ModelConfig> ModelConfig::parse(std::string_view json_text, std::string name) {
  const auto document = JsonDocument::parse(
      json_text, {.non_finite = JsonNonFinite::kAccept, .error = ErrorCode::kCorruptFile});
  if (!document) {
    return fail(document.error());
  }
  const JsonView root = document->root();
  if (!root.is_object()) {
    return root.refuse("must be an object");
  }
  ConfigFields fields(root);
  ModelConfig config;
  config.name = std::move(name);
  check_supported(fields);
  config.hidden = fields.integer({"hidden_size"}, {1, kMaxWidth});
  config.vocab = fields.integer({"vocab_size"}, {1, kMaxVocab});
  config.max_positions = fields.integer({"max_position_embeddings"}, {1, int64_t{1} << 40}, 4096);
  config.trained_positions =
      std::min(config.max_positions, fields.integer({"original_max_position_embeddings"},
                                                    {1, int64_t{1} << 40}, config.max_positions));
  config.norm_eps = read_eps(fields);
  config.residual_in_fp32 = fields.flag({"residual_in_fp32"}, false);
  config.dtype = read_dtype(fields);
  read_layers(fields, config);
  read_mlp_widths(fields, config);
  read_mamba(fields, config.mamba);
  read_attention(fields, config.attention);
  read_moe(fields, config);
  config.bos_id = fields.integer({"bos_token_id"}, {-1, kMaxVocab}, -1);
  config.eos_ids = read_token_ids(fields, "eos_token_id", config.vocab);
  if (fields.failed()) {
    return fail(fields.status().error());
  }
  return config;
}

Result<ModelConfig> ModelConfig::load(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "config.json";
  const auto text = read_text_file(path);
  if (!text) {
    return fail(text.error());
  }
  auto config = parse(*text, model_name(folder));
  return config ? std::move(config) : fail_in(path.string(), config.error());
}

}  // namespace dak
