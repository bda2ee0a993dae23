"""The first oracle: `transformers` NemotronHForCausalLM in float32, fed the dequantized weights.

`time_step_min` is overridden to 0.0 in memory: the library clamps dt there, no release does
(model.md 2.2 step 4). It has no MTP forward.
"""

import json
import pathlib
import re

import numpy as np
import torch
from transformers import NemotronHConfig, NemotronHForCausalLM
from transformers.cache_utils import DynamicCache

RENAMED = {"mamba": "linear_attention", "attention": "full_attention"}


def load(folder, weights):
    """Builds the library's model from config.json and `weights`; every parameter must be filled."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    config.pop("quantization_config", None)
    for key in ("layers_block_type", "mtp_layers_block_type"):
        if key in config:
            config[key] = [RENAMED.get(word, word) for word in config[key]]
    config |= {"dtype": "float32", "torch_dtype": "float32"}
    config = NemotronHConfig(**config)
    config._attn_implementation = "eager"
    model = NemotronHForCausalLM(config).float().eval()
    model.config.time_step_min = 0.0
    for layer in model.model.layers:
        if hasattr(layer.mixer, "time_step_limit"):
            layer.mixer.time_step_limit = (0.0, float("inf"))
    model.load_state_dict(state_dict(weights, model.state_dict().keys()), strict=True)
    return model


def state_dict(weights, keys):
    """The library's names: `model.` for `backbone.`, experts stacked."""
    found = {}
    for key in keys:
        name = re.sub(r"^model\.", "backbone.", key)
        stacked = re.match(r"(.*\.mixer\.experts)\.(up_proj|down_proj)$", name)
        if stacked:
            experts = []
            while weights.has(f"{stacked[1]}.{len(experts)}.{stacked[2]}.weight"):
                experts.append(matrix(weights, f"{stacked[1]}.{len(experts)}.{stacked[2]}"))
            values = np.stack(experts)
        elif name.endswith("_proj.weight") or name == "lm_head.weight":
            values = matrix(weights, name[:-len(".weight")])
        else:
            values = weights.array(name)
        found[key] = torch.from_numpy(np.ascontiguousarray(values, np.float32))
    return found


def matrix(weights, prefix):
    return weights.linear(prefix).weight


def run(model, ids):
    """Returns (logits [T, V], ssm by layer [nh, P, N], conv by layer [3, C]) after `ids`."""
    cache = DynamicCache(config=model.config)
    with torch.no_grad():
        out = model(torch.tensor(np.asarray(ids, np.int64))[None], past_key_values=cache,
                    use_cache=True)
    ssm, conv = {}, {}
    for i, kind in enumerate(model.config.layer_types):
        if kind == "linear_attention":
            ssm[i] = cache.get_recurrent_state(i)[0].numpy()
            conv[i] = cache.get_conv_state(i)[0].numpy().T[-3:]
    return out.logits[0].numpy(), ssm, conv
