#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dak {

/// Tests only: a `config.json` per family member, with the sizes and spellings of the releases.
namespace family {

inline constexpr std::string_view kUltra =
    R"({"model_type":"nemotron_h","architectures":["NemotronHForCausalLM"],"dtype":"bfloat16",
"transformers_version":"4.57.6","vocab_size":131072,"hidden_size":8192,"num_attention_heads":64,
"num_key_value_heads":2,"head_dim":128,"mamba_num_heads":256,"mamba_head_dim":64,"n_groups":8,
"ssm_state_size":128,"conv_kernel":4,"chunk_size":128,"expand":2,"use_conv_bias":true,
"n_routed_experts":512,"num_experts_per_tok":22,"moe_intermediate_size":5120,"moe_latent_size":2048,
"n_shared_experts":1,"moe_shared_expert_intermediate_size":10240,"routed_scaling_factor":5.0,
"norm_topk_prob":true,"n_group":1,"topk_group":1,"intermediate_size":5120,
"num_nextn_predict_layers":1,"mtp_layers_block_type":["attention","moe"],
"max_position_embeddings":262144,"layer_norm_epsilon":1e-05,"norm_eps":1e-05,
"residual_in_fp32":false,"attention_bias":false,"mlp_bias":false,"use_bias":false,
"mamba_proj_bias":false,"mamba_hidden_act":"silu","mlp_hidden_act":"relu2",
"mamba_ssm_cache_dtype":"float32","time_step_min":0.001,"time_step_max":0.1,
"time_step_floor":0.0001,"time_step_limit":[0.0,Infinity],"tie_word_embeddings":false,
"rope_theta":10000,"partial_rotary_factor":1.0,"sliding_window":null,"rope_scaling":null,
"bos_token_id":1,"eos_token_id":2,"pad_token_id":0,"layers_block_type":[@]})";

inline constexpr std::string_view kUltraPattern =
    "MEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*EMEMEMEM*EMEMEMEM*EMEMEM*"
    "EMEMEMEM*EMEMEMEME";

/// A pattern as the quoted words of a list.
inline std::string words_of(std::string_view pattern) {
  std::string text;
  for (const char letter : pattern) {
    text += text.empty() ? "" : ",";
    text += letter == 'M'   ? "\"mamba\""
            : letter == 'E' ? "\"moe\""
            : letter == '*' ? "\"attention\""
                            : "\"mlp\"";
  }
  return text;
}

inline std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out(text);
  const size_t at = out.find(from);
  return at == std::string::npos ? out : out.replace(at, from.size(), to);
}

inline std::string ultra() {
  return replaced(kUltra, "@", words_of(kUltraPattern));
}

inline std::string super() {
  return R"({"model_type":"nemotron_h","dtype":"bfloat16","num_hidden_layers":88,
"hybrid_override_pattern":")"
         R"(MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*)"
         R"(EMEMEMEM*EMEMEMEME",
"mtp_hybrid_override_pattern":"*E","num_nextn_predict_layers":1,"vocab_size":131072,
"hidden_size":4096,"num_attention_heads":32,"num_key_value_heads":2,"head_dim":128,
"mamba_num_heads":128,"mamba_head_dim":64,"n_groups":8,"ssm_state_size":128,"conv_kernel":4,
"chunk_size":128,"n_routed_experts":512,"num_experts_per_tok":22,"moe_intermediate_size":2688,
"moe_latent_size":1024,"n_shared_experts":1,"moe_shared_expert_intermediate_size":5376,
"routed_scaling_factor":5.0,"intermediate_size":2688,"max_position_embeddings":262144,
"layer_norm_epsilon":1e-05,"norm_eps":1e-05,"time_step_limit":[0.0,1e308],"eos_token_id":2})";
}

inline std::string nano() {
  return R"({"model_type":"nemotron_h","torch_dtype":"bfloat16","num_hidden_layers":52,
"hybrid_override_pattern":"MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
"vocab_size":131072,"hidden_size":2688,"num_attention_heads":32,"num_key_value_heads":2,
"head_dim":128,"mamba_num_heads":64,"mamba_head_dim":64,"n_groups":8,"ssm_state_size":128,
"conv_kernel":4,"chunk_size":128,"n_routed_experts":128,"num_experts_per_tok":6,
"moe_intermediate_size":1856,"n_shared_experts":1,"moe_shared_expert_intermediate_size":3712,
"routed_scaling_factor":2.5,"intermediate_size":1856,"max_position_embeddings":262144,
"layer_norm_epsilon":1e-05,"eos_token_id":2})";
}

inline std::string lightning() {
  std::string text = replaced(nano(), "\"torch_dtype\"", "\"dtype\"");
  text =
      replaced(text, "\"hybrid_override_pattern\":\"",
               "\"moe_latent_size\":null,\"num_nextn_predict_layers\":1,\"layers_block_type\":[@],"
               "\"x\":\"");
  text = replaced(text, "262144", "1048576");
  return replaced(text, "@", words_of("MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"));
}

struct DenseSizes {
  std::string_view pattern;
  int hidden;
  int query_heads;
  int mamba_heads;
  int mamba_head_dim;
  int state;
  int inner;
};

/// The members without experts. `renames` is appended, to spell some fields otherwise.
inline std::string dense(const DenseSizes& sizes, std::string_view renames) {
  return "{\"model_type\":\"nemotron_h\",\"torch_dtype\":\"bfloat16\",\"vocab_size\":131072,"
         "\"hybrid_override_pattern\":\"" +
         std::string(sizes.pattern) + "\",\"hidden_size\":" + std::to_string(sizes.hidden) +
         ",\"num_attention_heads\":" + std::to_string(sizes.query_heads) +
         ",\"num_key_value_heads\":8,\"mamba_num_heads\":" + std::to_string(sizes.mamba_heads) +
         ",\"mamba_head_dim\":" + std::to_string(sizes.mamba_head_dim) +
         ",\"ssm_state_size\":" + std::to_string(sizes.state) +
         ",\"intermediate_size\":" + std::to_string(sizes.inner) + ",\"n_groups\":8" +
         std::string(renames) + "}";
}

inline std::string nano_9b_v2() {
  return dense(
      {"M-M-M-MM-M-M-M*-M-M-M*-M-M-M-M*-M-M-M-M*-M-MM-M-M-M-M-M-", 4480, 40, 128, 80, 128, 15680},
      R"(,"head_dim":128,"rms_norm_eps":1e-5)");
}

inline std::string nano_12b_v2() {
  return dense({"M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M*-M-M-M-M-", 5120, 40, 128, 80,
                128, 20480},
               R"(,"head_dim":128,"layer_norm_epsilon":1e-5)");
}

inline std::string h_8b() {
  return dense(
      {"M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", 4096, 32, 128, 64, 128, 21504},
      R"(,"attention_head_dim":128,"max_position_embeddings":8192)");
}

}  // namespace family
}  // namespace dak
