#pragma once

#include <string>

#include "dakkar/weights/model_config.h"

namespace dak {

/// Tests only: a model with every kind of layer and an MTP head, small enough to write to a file.
inline ModelConfig tiny_config() {
  constexpr std::string_view kText = R"({"model_type":"nemotron_h","hybrid_override_pattern":"ME*-",
"num_nextn_predict_layers":1,"vocab_size":37,"hidden_size":64,"num_attention_heads":8,
"num_key_value_heads":2,"head_dim":16,"mamba_num_heads":8,"mamba_head_dim":16,"n_groups":4,
"ssm_state_size":16,"n_routed_experts":3,"num_experts_per_tok":2,"moe_intermediate_size":48,
"moe_latent_size":32,"moe_shared_expert_intermediate_size":80,"intermediate_size":96,
"eos_token_id":2})";
  return ModelConfig::parse(kText, "tiny").value();
}

}  // namespace dak
