"""Sizes of the demo model, and its config.json in the family's spelling."""

import dataclasses

KINDS = {"M": "mamba", "E": "moe", "*": "attention"}


@dataclasses.dataclass(frozen=True)
class Shape:
    """Letters as in the family's papers; the defaults are the demo model."""

    pattern: str = "MEM*EMEM*E"
    V: int = 4096       # vocabulary
    H: int = 256        # hidden
    nh: int = 8         # Mamba heads
    P: int = 64         # Mamba head width
    G: int = 2          # Mamba groups
    N: int = 128        # state
    Hq: int = 4         # query heads
    Hkv: int = 2        # key and value heads
    D: int = 128        # attention head width
    E: int = 16         # experts
    k: int = 4          # experts a token
    Z: int = 128        # latent width
    I: int = 64         # noqa: E741  expert inner width
    S: int = 256        # shared expert inner width
    scaling: float = 2.5
    chunk: int = 128
    eps: float = 1e-5

    @property
    def d_in(self):
        return self.nh * self.P

    @property
    def channels(self):
        return self.d_in + 2 * self.G * self.N

    @property
    def in_rows(self):
        return self.d_in + self.channels + self.nh


DEMO = Shape()
TINY = Shape(pattern="ME*E", V=512, H=64, nh=2, G=1, E=4, k=2, Z=32, I=32, S=32, Hq=2, Hkv=2)


def config(shape):
    """config.json, as an NVIDIA release of this shape would have it."""
    return {
        "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h",
        "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1,
        "chunk_size": shape.chunk, "conv_kernel": 4, "dtype": "bfloat16", "eos_token_id": 2,
        "expand": 2, "head_dim": shape.D, "hidden_dropout": 0.0, "hidden_size": shape.H,
        "initializer_range": 0.02, "intermediate_size": shape.S,
        "layer_norm_epsilon": shape.eps,
        "layers_block_type": [KINDS[letter] for letter in shape.pattern],
        "mamba_head_dim": shape.P, "mamba_hidden_act": "silu", "mamba_num_heads": shape.nh,
        "mamba_proj_bias": False, "mamba_ssm_cache_dtype": "float32",
        "max_position_embeddings": 131072, "mlp_bias": False, "mlp_hidden_act": "relu2",
        "moe_intermediate_size": shape.I, "moe_latent_size": shape.Z,
        "moe_shared_expert_intermediate_size": shape.S, "moe_shared_expert_overlap": False,
        "mtp_layers_block_type": ["attention", "moe"], "n_group": 1, "n_groups": shape.G,
        "n_routed_experts": shape.E, "n_shared_experts": 1, "norm_eps": shape.eps,
        "norm_topk_prob": True, "num_attention_heads": shape.Hq,
        "num_experts_per_tok": shape.k, "num_hidden_layers": len(shape.pattern),
        "num_key_value_heads": shape.Hkv, "num_logits_to_keep": 1,
        "num_nextn_predict_layers": 1, "original_max_position_embeddings": 8192,
        "pad_token_id": 0, "partial_rotary_factor": 1.0,
        "rescale_prenorm_residual": True, "residual_in_fp32": False, "rope_theta": 10000,
        "routed_scaling_factor": shape.scaling, "sliding_window": None,
        "ssm_state_size": shape.N, "tie_word_embeddings": False, "time_step_floor": 0.0001,
        "time_step_limit": [0.0, float("inf")], "time_step_max": 0.1, "time_step_min": 0.0,
        "topk_group": 1, "transformers_version": "4.57.6", "use_bias": False,
        "use_cache": True, "use_conv_bias": True, "use_mamba_kernels": True,
        "vocab_size": shape.V,
    }
