"""The model that both engines run: the first eight layers of Nemotron 3 Nano, random weights."""

import json
import pathlib

PATTERN = "MEMEM*EM"
HIDDEN = 2688
VOCAB = 131072
MAMBA_HEADS, MAMBA_HEAD_DIM, GROUPS, STATE, CONV = 64, 64, 8, 128, 4
QUERY_HEADS, KV_HEADS, HEAD_DIM = 32, 2, 128
EXPERTS, CHOSEN, EXPERT_WIDTH, SHARED_WIDTH = 128, 6, 1856, 3712
SCALING = 2.5
EPS = 1e-5
MAX_POSITIONS = 262144

INNER = MAMBA_HEADS * MAMBA_HEAD_DIM
CHANNELS = INNER + 2 * GROUPS * STATE
IN_PROJ = INNER + CHANNELS + MAMBA_HEADS


def config():
    """config.json as the published checkpoint spells it."""
    return {
        "architectures": ["NemotronHForCausalLM"],
        "model_type": "nemotron_h",
        "vocab_size": VOCAB,
        "hidden_size": HIDDEN,
        "hybrid_override_pattern": PATTERN,
        "num_hidden_layers": len(PATTERN),
        "num_attention_heads": QUERY_HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "mamba_num_heads": MAMBA_HEADS,
        "mamba_head_dim": MAMBA_HEAD_DIM,
        "n_groups": GROUPS,
        "ssm_state_size": STATE,
        "conv_kernel": CONV,
        "chunk_size": 128,
        "expand": 2,
        "n_routed_experts": EXPERTS,
        "num_experts_per_tok": CHOSEN,
        "moe_intermediate_size": EXPERT_WIDTH,
        "n_shared_experts": 1,
        "moe_shared_expert_intermediate_size": SHARED_WIDTH,
        "routed_scaling_factor": SCALING,
        "norm_topk_prob": True,
        "n_group": 1,
        "topk_group": 1,
        "intermediate_size": EXPERT_WIDTH,
        "layer_norm_epsilon": EPS,
        "tie_word_embeddings": False,
        "use_conv_bias": True,
        "mamba_hidden_act": "silu",
        "mlp_hidden_act": "relu2",
        "max_position_embeddings": MAX_POSITIONS,
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
        "time_step_min": 0.001,
    }


def quant_config():
    """hf_quant_config.json: everything NVFP4 but the head, attention and one Mamba layer."""
    kept = [f"backbone.layers.4.mixer.{name}" for name in ("in_proj", "out_proj")]
    kept += [f"backbone.layers.5.mixer.{name}_proj" for name in "qkvo"]
    return {
        "producer": {"name": "modelopt", "version": "x"},
        "quantization": {
            "quant_algo": "NVFP4",
            "kv_cache_quant_algo": "FP8",
            "group_size": 16,
            "exclude_modules": ["lm_head", *kept, "backbone.layers.*.mixer.conv1d"],
        },
    }


def write_folder(folder):
    """A folder for `dakkar --load-format dummy`."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config()))
    (folder / "hf_quant_config.json").write_text(json.dumps(quant_config()))
    return folder
