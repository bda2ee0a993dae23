"""The demo model in `transformers` against Dakkar: prompts, logits and greedy text.

    python check_transformers.py --dakkar build/release/dakkar --model models/demo

Held-out tasks of every family, thinking on, short and off, and one prompt of about 2K tokens. Needs
torch, transformers and numpy; runs on a CPU in minutes. Exit status 1: a bar is broken.

- Prompts: `apply_chat_template` gives the ids that the server made of the same messages.
- f32: logits of Dakkar's plain f32 path (over prompt and answer) differ by at most 1e-4 of a row's
  norm, at every position. A position may differ by more only if its router left out an expert by
  less than 1e-6, which is what f32 sums in another order turn; what follows it is not judged.
- bf16: the median of that is at most 2e-2 for Dakkar's shipped path against bf16 in transformers.
- Text: greedy answers are equal, or differ first where transformers' two best logits are closer
  than 4 times the median over positions of the largest difference of a logit.
"""

import argparse
import dataclasses
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

import evaluate
import serving
from data import mix, recall

F32_BAR = 1e-4
ROUTING_TIE = 1e-6
BF16_BAR = 2e-2
NEAR_TIE = 4.0
FAMILIES = list(mix.SHARES)
LONG_TOKENS = 1900
SEED = 21


@dataclasses.dataclass
class Asked:
    """One task, what the server read and what it answered."""

    item: object
    prompt: list
    answer: list


@dataclasses.dataclass
class Compared:
    """Relative differences by position, and of the logits' values."""

    f32: np.ndarray       # up to a routing tie that turned
    bf16: np.ndarray
    largest: np.ndarray
    turned: bool


def tasks(each):
    """`each` items of every family, their modes in turn, and one long prompt."""
    found = []
    for family in FAMILIES:
        by_mode = {}
        for item in mix.evaluation(family, 60, SEED):
            by_mode.setdefault(item.mode, []).append(item)
        for number in range(each):
            mode = ("on", "off", "short")[number % 3]
            found.append(by_mode[mode][number // 3])
    long = recall.sample(random.Random(SEED), "held_out", LONG_TOKENS, questions=1)
    long.mode = "on"
    return [*found, long]


def ask(client, item):
    """The server's greedy answer in ids, its end of turn included."""
    reply = client.chat({**evaluate.request_of(item), "model": client.model(),
                         "return_token_ids": True})
    return Asked(item, reply["prompt_token_ids"], reply["choices"][0]["token_ids"])


def template_ids(tokenizer, item):
    """The prompt as `transformers` makes it."""
    made = tokenizer.apply_chat_template(item.messages, tools=item.tools, tokenize=True,
                                         add_generation_prompt=True, return_dict=False,
                                         **item.template_arguments())
    return list(made)


def dakkar_logits(options, ids, *flags):
    """[T, V] of `dakkar logits`."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder) / "ids", pathlib.Path(folder) / "logits.npy"
        source.write_text(" ".join(map(str, ids)))
        subprocess.run([options.dakkar, "logits", options.model, "--ids", source, "--out", out,
                        *flags], check=True, stderr=subprocess.DEVNULL)
        return np.load(out)


def row_distance(ours, theirs):
    """|ours - theirs| / |theirs| of each row."""
    theirs = theirs.astype(np.float64)
    return np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)


class RoutingMargins:
    """By how much the best expert that was left out missed, the closest layer of each position."""

    def __init__(self, oracle):
        self.layers = []
        for module in oracle.modules():
            if type(module).__name__ == "NemotronHTopkRouter":
                module.register_forward_hook(self.note)

    def note(self, router, inputs, _output):
        rows = inputs[0].reshape(-1, inputs[0].shape[-1]).double()
        scores = torch.sigmoid(rows @ router.weight.double().T) + router.e_score_correction_bias
        best = scores.sort(-1, descending=True).values
        self.layers.append((best[:, router.top_k - 1] - best[:, router.top_k]).numpy())

    def take(self):
        found, self.layers = np.min(self.layers, axis=0), []
        return found


@torch.no_grad()
def oracle_logits(oracle, ids):
    return oracle(torch.tensor([ids])).logits[0].float().numpy()


def before_turned_tie(distances, margins):
    """(distances that are judged, whether a routing tie turned behind them)."""
    far = np.flatnonzero(distances > F32_BAR)
    if len(far) and margins[far[0]] < ROUTING_TIE:
        return distances[:far[0]], True
    return distances, False


@torch.no_grad()
def oracle_text(oracle, asked):
    """The greedy continuation by `transformers` itself."""
    made = oracle.generate(torch.tensor([asked.prompt]), do_sample=False,
                           max_new_tokens=len(asked.answer), eos_token_id=asked.answer[-1])
    return made[0, len(asked.prompt):].tolist()


def compare(options, oracles, asked):
    """(Compared, place in the answer where texts differ first or None, gap there)."""
    ids = asked.prompt + asked.answer
    exact, rounded = oracle_logits(oracles["f32"], ids), oracle_logits(oracles["bf16"], ids)
    margins = oracles["margins"].take()
    f32 = dakkar_logits(options, ids, "--kernels", "reference", "--numerics", "f32")
    shipped = dakkar_logits(options, ids)
    judged, turned = before_turned_tie(row_distance(f32, exact), margins)
    found = Compared(judged, row_distance(shipped, rounded),
                     np.abs(shipped - rounded).max(axis=1), turned)
    text = oracle_text(oracles["bf16"], asked)
    for place, (ours, theirs) in enumerate(zip(asked.answer, text)):
        if ours != theirs:
            best = np.sort(rounded[len(asked.prompt) + place - 1])[-2:]
            return found, place, float(best[1] - best[0])
    return found, None, 0.0


def verdict(compared, divergences, prompts_differ):
    """Prints all figures; whether every bar holds."""
    f32 = np.concatenate([one.f32 for one in compared])
    bf16 = np.concatenate([one.bf16 for one in compared])
    error = float(np.median(np.concatenate([one.largest for one in compared])))
    far = [gap for gap in divergences if gap >= NEAR_TIE * error]
    print(f"{len(compared)} prompts, {len(bf16)} positions")
    print(f"prompts whose ids differ: {prompts_differ}")
    print(f"f32: largest relative difference {f32.max():.1e}, median {np.median(f32):.1e}; "
          f"{sum(one.turned for one in compared)} prompts with a routing tie that turned, "
          f"{len(bf16) - len(f32)} positions behind them not judged")
    print(f"bf16: median relative difference {np.median(bf16):.1e}, largest {bf16.max():.1e}")
    print(f"greedy text: {len(compared) - len(divergences)} equal, {len(divergences)} differ, "
          f"{len(far)} of them elsewhere than at a gap below {NEAR_TIE * error:.3f}; "
          f"gaps {', '.join(f'{gap:.3f}' for gap in divergences) or 'none'}")
    return (prompts_differ == 0 and f32.max() <= F32_BAR and np.median(bf16) <= BF16_BAR
            and not far)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dakkar", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--each", type=int, default=3, help="items of every family")
    options = parser.parse_args()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    oracles = {name: transformers.AutoModelForCausalLM.from_pretrained(
        options.model, dtype=dtype, attn_implementation="eager").eval()
        for name, dtype in (("f32", torch.float32), ("bf16", torch.bfloat16))}
    oracles["margins"] = RoutingMargins(oracles["f32"])
    with serving.started(options.dakkar, options.model, ["--cache-gib", "1"]) as client:
        asked = [ask(client, item) for item in tasks(options.each)]
    prompts_differ = sum(template_ids(tokenizer, one.item) != one.prompt for one in asked)
    compared, divergences = [], []
    for number, one in enumerate(asked):
        found, place, gap = compare(options, oracles, one)
        compared.append(found)
        if place is not None:
            divergences.append(gap)
        print(json.dumps({"number": number, "family": one.item.family, "mode": one.item.mode,
                          "prompt": len(one.prompt), "answer": len(one.answer),
                          "f32": float(found.f32.max(initial=0)),
                          "routing_turned": found.turned,
                          "bf16": float(np.median(found.bf16)),
                          "differs_at": place}), flush=True)
    sys.exit(not verdict(compared, divergences, prompts_differ))


if __name__ == "__main__":
    main()
