"""Writes a design as a folder in the release's layout."""

import json
import pathlib
import shutil

from safetensors.numpy import save_file

from goldens.initial import TIME_STEP_MIN, Initial


# Root mean squares at which a static scale clips: where halving the scale changes most.
CLIPS = {"in_proj": 1.3, "out_proj": 1.3, "up_proj": 1.3, "down_proj": 3.0, "k_proj": 1.0,
         "v_proj": 1.2}
WORDS = {"M": "mamba", "E": "moe", "*": "attention", "-": "mlp"}
TOKENIZER = {
    "bos_token": "<s>", "eos_token": "<|im_end|>", "unk_token": "<unk>", "pad_token": "<unk>",
    "add_bos_token": False, "add_eos_token": False, "clean_up_tokenization_spaces": False,
    "model_max_length": 262144, "tokenizer_class": "PreTrainedTokenizerFast",
}
GENERATION = {
    "_from_model_config": True, "bos_token_id": 1, "eos_token_id": [2, 11], "pad_token_id": 0,
    "do_sample": True, "temperature": 1.0, "top_p": 0.95, "transformers_version": "4.57.6",
}


def model_config(design):
    """config.json: the fields all members share, then this member's spellings."""
    s = design.shape
    config = {
        "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h",
        "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "chunk_size": 128,
        "conv_kernel": 4, "eos_token_id": 2, "expand": 2, "hidden_dropout": 0.0,
        "hidden_size": s.H, "initializer_range": 0.02, "mamba_head_dim": s.P,
        "mamba_hidden_act": "silu", "mamba_num_heads": s.nh, "mamba_proj_bias": False,
        "mamba_ssm_cache_dtype": "float32", "max_position_embeddings": 262144, "mlp_bias": False,
        "mlp_hidden_act": "relu2", "n_groups": s.G, "num_attention_heads": s.Hq,
        "num_key_value_heads": s.Hkv, "num_logits_to_keep": 1, "pad_token_id": 0,
        "rescale_prenorm_residual": True, "residual_in_fp32": False, "sliding_window": None,
        "ssm_state_size": s.N, "tie_word_embeddings": False, "time_step_floor": 0.0001,
        "time_step_max": 0.1, "time_step_min": TIME_STEP_MIN, "use_bias": False, "use_cache": True,
        "use_conv_bias": True, "use_mamba_kernels": True, "vocab_size": s.V,
    }
    config |= SPELLINGS[design.name.split("_")[0]](design)
    if design.quantized and design.bf16_layers:
        config["quantization_config"] = quantization_config(design)
    return config


def clip(design, scale_name):
    module = scale_name.split(".")[-2]
    return design.clips.get(module, CLIPS.get(module, 1.0))


def moe_fields(design):
    s = design.shape
    return {
        "intermediate_size": design.I, "moe_intermediate_size": design.I,
        "moe_shared_expert_intermediate_size": design.S, "n_group": 1, "n_routed_experts": s.E,
        "n_shared_experts": 1, "norm_topk_prob": True, "num_experts_per_tok": s.k,
        "routed_scaling_factor": s.scaling, "topk_group": 1, "partial_rotary_factor": 1.0,
        "rope_theta": 10000, "head_dim": s.D, "layer_norm_epsilon": 1e-5, "norm_eps": 1e-5,
    }


def ultra(design):
    return moe_fields(design) | {
        "dtype": "bfloat16", "layers_block_type": [WORDS[c] for c in design.shape.pattern],
        "moe_latent_size": design.shape.Z, "moe_shared_expert_overlap": False,
        "mtp_layers_block_type": ["attention", "moe"], "num_nextn_predict_layers": 1,
        "time_step_limit": [0.0, float("inf")], "transformers_version": "4.57.6",
    }


def nano(design):
    return moe_fields(design) | {
        "hybrid_override_pattern": design.shape.pattern, "torch_dtype": "bfloat16",
        "num_hidden_layers": len(design.shape.pattern), "moe_latent_size": None,
        "transformers_version": "4.53.2",
    }


def nemotron_h(design):
    return {
        "hybrid_override_pattern": design.shape.pattern, "torch_dtype": "bfloat16",
        "num_hidden_layers": len(design.shape.pattern), "intermediate_size": design.F,
        "attention_head_dim": design.shape.D, "rms_norm_eps": 1e-5,
        "max_position_embeddings": 8192, "transformers_version": "4.48.0.dev0",
    }


SPELLINGS = {"latent": ultra, "moe": nano, "dense": nemotron_h}


def quantized_layers(tensors):
    """Module name to the entry of its format, by what is stored."""
    layers = {}
    for name in sorted(tensors):
        if not name.endswith(".weight_scale"):
            continue
        module = name[:-len(".weight_scale")]
        if module + ".weight_scale_2" in tensors:
            layers[module] = {"quant_algo": "NVFP4", "group_size": 16}
        else:
            layers[module] = {"quant_algo": "FP8"}
    return layers


def excluded_modules(design):
    s = design.shape
    names = ["lm_head", "backbone.embeddings"] + (["mtp*"] if s.mtp else [])
    for i, letter in enumerate(s.pattern):
        mixer = f"backbone.layers.{i}.mixer"
        if letter == "M":
            names.append(mixer + ".conv1d")
            if i in design.bf16_layers:
                names += [mixer + ".in_proj", mixer + ".out_proj"]
        elif letter == "*":
            names += [f"{mixer}.{key}_proj" for key in "qkvo"]
        elif letter == "E" and s.Z:
            names += [mixer + ".gate", mixer + ".fc1_latent_proj", mixer + ".fc2_latent_proj"]
    return names


def hf_quant_config(design, tensors):
    """Plain NVFP4 with exclusions as in Nano, else MIXED_PRECISION with every module named."""
    quantization = {"kv_cache_quant_algo": "FP8", "exclude_modules": excluded_modules(design)}
    if design.bf16_layers:
        quantization |= {"quant_algo": "NVFP4", "group_size": 16}
    else:
        quantization |= {"quant_algo": "MIXED_PRECISION",
                         "quantized_layers": quantized_layers(tensors)}
    return {"producer": {"name": "modelopt", "version": "0.40.0"}, "quantization": quantization}


def quantization_config(design):
    group = {"dynamic": False, "num_bits": 4, "type": "float", "group_size": 16}
    return {
        "quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": excluded_modules(design),
        "config_groups": {"group_0": {"input_activations": group, "weights": group,
                                      "targets": ["Linear"]}},
        "kv_cache_scheme": {"dynamic": False, "num_bits": 8, "type": "float"},
        "producer": {"name": "modelopt", "version": "0.40.0"},
    }


def save_tensors(folder, tensors, shards):
    """One file, or `shards` files in the order of names with an index, as the hub does."""
    metadata = {"format": "pt"}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata)
        return
    total = sum(tensor.nbytes for tensor in tensors.values())
    weight_map, used = {}, 0
    for name in sorted(tensors):
        part = min(shards - 1, used * shards // total) + 1
        weight_map[name] = f"model-{part:05d}-of-{shards:05d}.safetensors"
        used += tensors[name].nbytes
    for file in sorted(set(weight_map.values())):
        own = {name: tensors[name] for name, at in weight_map.items() if at == file}
        save_file(own, folder / file, metadata)
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    dump(folder / "model.safetensors.index.json", index)


def dump(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def write(design, folder, data):
    """Writes the checkpoint; `data` is tests/data, where the tokenizer and template come from."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = Initial(design).calibrated(lambda name: clip(design, name))
    save_tensors(folder, tensors, design.shards)
    dump(folder / "config.json", model_config(design))
    dump(folder / "generation_config.json", GENERATION)
    dump(folder / "tokenizer_config.json", TOKENIZER)
    if design.quantized:
        dump(folder / "hf_quant_config.json", hf_quant_config(design, tensors))
    for source, name in [("tokenizer/tiny256.json", "tokenizer.json"),
                         ("templates/tiny_chat.jinja", "chat_template.jinja")]:
        if (data / source).exists():
            shutil.copyfile(data / source, folder / name)
