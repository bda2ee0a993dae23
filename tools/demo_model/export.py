"""Writes the trained weights as a Hugging Face folder, and compares it with `transformers`.

    python export.py WEIGHTS.pt TOKENIZER OUT      writes OUT
    python export.py --check OUT                   logits in float32, here against `transformers`
"""

import argparse
import json
import pathlib
import re
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

import model
import shape as shapes
from attend import Attend
from network import Network

SHARD_BYTES = 14_000_000
FLOAT32 = "e_score_correction_bias"
GENERATION = {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": [2, 11],
              "pad_token_id": 0, "do_sample": True, "temperature": 0.6, "top_p": 0.95,
              "transformers_version": "4.57.6"}


def unstacked(weights):
    """Checkpoint tensors by name: experts apart, bf16 but for the router's bias."""
    tensors = {}
    for name, value in weights.items():
        value = value.detach().cpu()
        kind = torch.float32 if name.endswith(FLOAT32) else torch.bfloat16
        stacked = re.match(r"(.*\.experts)\.(up_proj|down_proj)$", name)
        if stacked:
            for index, expert in enumerate(value):
                tensors[f"{stacked[1]}.{index}.{stacked[2]}.weight"] = expert.to(kind).contiguous()
        else:
            tensors[name] = value.to(kind).contiguous()
    return tensors


def stacked(tensors):
    """The reverse of `unstacked`, in float32."""
    weights, experts = {}, {}
    for name, value in tensors.items():
        found = re.match(r"(.*\.experts)\.(\d+)\.(up_proj|down_proj)\.weight$", name)
        if found:
            experts.setdefault(f"{found[1]}.{found[3]}", {})[int(found[2])] = value.float()
        else:
            weights[name] = value.float()
    for name, parts in experts.items():
        weights[name] = torch.stack([parts[i] for i in range(len(parts))])
    return weights


def load(folder):
    """The weights of an exported folder, stacked, in float32."""
    tensors = {}
    for path in sorted(pathlib.Path(folder).glob("*.safetensors")):
        tensors |= load_file(path)
    return stacked(tensors)


def save_weights(weights, folder):
    """model-0000i-of-0000n.safetensors of at most SHARD_BYTES and their index. The MTP head has a
    file of its own, which the quantized form shares."""
    shards, size, head = [{}], 0, False
    for name, value in unstacked(weights).items():
        if size + value.nbytes > SHARD_BYTES or name.startswith("mtp.") != head:
            shards.append({})
            size, head = 0, name.startswith("mtp.")
        shards[-1][name] = value
        size += value.nbytes
    index = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        index |= {name: file for name in shard}
    total = sum(value.nbytes for shard in shards for value in shard.values())
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def save(weights, shape, tokenizer, folder):
    """Writes the whole folder: weights, configurations, tokenizer and template."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(weights, folder)
    (folder / "config.json").write_text(json.dumps(shapes.config(shape), indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(GENERATION, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(tokenizer) / name, folder / name)
    shutil.copy(pathlib.Path(__file__).parent / "chat_template.jinja", folder)


def own_logits(weights, shape, ids):
    """Float32 logits [T, V] of our own forward pass, and of the first draft."""
    length = -(-len(ids) // shape.chunk) * shape.chunk
    row = torch.zeros(1, length, dtype=torch.long)
    row[0, :len(ids)] = torch.tensor(ids)
    segment = torch.zeros(1, length, dtype=torch.int32)
    attend = Attend(1, length, "cpu")
    attend.start(segment)
    network = Network(shape, attend, compiled=False)
    with torch.no_grad():
        hidden, _ = network.hidden(row, segment, weights, torch.zeros(()))
        drafts, _ = network.drafts(hidden, row, weights)
    head = weights["lm_head.weight"].T
    return (hidden @ head)[0, :len(ids)], [(f @ head)[0, :len(ids)] for f in drafts]


def difference(folder, ids):
    """Largest |logit difference| to `transformers` relative to the logits' largest value."""
    from transformers import AutoModelForCausalLM
    oracle = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                  attn_implementation="eager")
    with torch.no_grad():
        theirs = oracle(torch.tensor([ids])).logits[0]
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    shape = shapes.DEMO if config["hidden_size"] == shapes.DEMO.H else shapes.TINY
    ours, _ = own_logits(load(folder), shape, ids)
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        generator = torch.Generator().manual_seed(3)
        ids = torch.randint(18, 400, (300,), generator=generator).tolist()
        gap = difference(options.paths[0], ids)
        print(f"largest relative difference to transformers: {gap:.2e}")
        sys.exit(gap > 1e-4)
    weights, tokenizer, out = options.paths
    save(torch.load(weights, map_location="cpu"), shapes.DEMO, tokenizer, out)


if __name__ == "__main__":
    main()
