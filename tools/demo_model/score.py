"""Held-out tasks in PyTorch: exact match per family, and what drafting gains.

    python score.py WEIGHTS --tokenizer DIR [--count 1000] [--quantized] [--report FILE]

WEIGHTS is a weights.pt of train.py or an exported folder. Weights are rounded to bf16 first; with
--quantized they, FP8 activations and the KV cache are what the quantized form makes of them.
"""

import argparse
import collections
import json
import multiprocessing
import pathlib
import time

import torch

import export
import quantize
import shape as shapes
from attend import Attend
from data import item as items
from data import mix, render
from decode import Decoder, greedy
from network import DRAFTS, Network

LONG = ("recall_8k", "recall_16k")
# family: (share of the full count, sequences at once, longest answer in tokens)
SIZES = {"recall_8k": (0.4, 50, 64), "recall_16k": (0.1, 20, 64)}
DEFAULT = (1.0, 500, 320)
FAMILIES = [*mix.SHARES, *LONG]
DRAFTED = 96          # items of a family on which drafts are measured


def prepare(task):
    """(family, [(item, prompt ids)]) of one family; runs in a worker process."""
    family, count, tokenizer_path = task
    from tokenizers import Tokenizer
    tokenizer, template = Tokenizer.from_file(tokenizer_path), render.load_template()
    made = mix.evaluation(family, max(1, int(count * SIZES.get(family, DEFAULT)[0])), seed=7)
    return family, [(item, tokenizer.encode(render.prompt(template, item),
                                            add_special_tokens=False).ids) for item in made]


def quantized(weights):
    """Weights as the quantized checkpoint would give them."""
    forms = {"none": lambda x: x, "fp8": quantize.fp8_weight, "nvfp4": quantize.nvfp4_weight}
    return {name: forms[quantize.form_of(name)](value.float()) for name, value in weights.items()}


def answers(decoder, tasks, family):
    """Greedy answers (lists of ids) to tasks [(item, ids)], in order."""
    _, batch, limit = SIZES.get(family, DEFAULT)
    order = sorted(range(len(tasks)), key=lambda i: len(tasks[i][1]))
    found = [None] * len(tasks)
    for start in range(0, len(order), batch):
        part = order[start:start + batch]
        for place, ids in zip(part, greedy(decoder, [tasks[i][1] for i in part], limit)):
            found[place] = ids
    return found


def emitted(own, guesses, start):
    """(tokens, steps) of drafting over ids `own` whose answer begins at `start`.

    guesses[j][i] is what draft j + 1 made at place i; a step emits the drafts that agree and one
    token more.
    """
    known, tokens, steps = start, 0, 0
    last = len(own) - 1
    while known < last:
        accepted = 0
        while (accepted < len(guesses) and known + accepted + 1 < last
               and guesses[accepted][known - 1] == own[known + accepted + 1]):
            accepted += 1
        tokens += accepted + 1
        known += accepted + 1
        steps += 1
    return tokens, steps


@torch.no_grad()
def guesses_for(decoder, sequences):
    """[sequence][draft][place]: what each draft makes at each place of some sequences of ids."""
    length = -(-max(map(len, sequences)) // decoder.shape.chunk) * decoder.shape.chunk
    rows = torch.zeros(len(sequences), length, dtype=torch.long)
    for row, ids in enumerate(sequences):
        rows[row, :len(ids)] = torch.tensor(ids)
    rows = rows.to(decoder.device)
    attend = Attend(len(rows), length, decoder.device)
    attend.fast = False
    segment = torch.zeros(len(rows), length, dtype=torch.int32, device=decoder.device)
    attend.start(segment)
    network = Network(decoder.shape, attend, compiled=False)
    hidden, _ = network.hidden(rows, segment, decoder.weights, decoder.switch)
    drafts, _ = network.drafts(hidden, rows, decoder.weights)
    head = decoder.weights["lm_head.weight"].T
    found = torch.stack([(draft @ head).argmax(-1) for draft in drafts], 1)
    return found.tolist()


def drafting(decoder, tasks, found, batch):
    """(tokens, steps) of greedy drafting over the given tasks and their answers."""
    tokens = steps = 0
    pairs = sorted(((prompt, answer) for (_, prompt), answer in zip(tasks, found)),
                   key=lambda pair: len(pair[0]) + len(pair[1]))
    for start in range(0, len(pairs), batch):
        part = pairs[start:start + batch]
        guesses = guesses_for(decoder, [prompt + answer for prompt, answer in part])
        for (prompt, answer), made in zip(part, guesses):
            more, rounds = emitted(prompt + answer, made, len(prompt))
            tokens, steps = tokens + more, steps + rounds
    return tokens, steps


def judge(decoder, tokenizer, family, tasks):
    """The report of one family."""
    start = time.time()
    found = answers(decoder, tasks, family)
    right, modes, failures = 0, collections.Counter(), []
    for (item, _), ids in zip(tasks, found):
        text = tokenizer.decode(ids, skip_special_tokens=False)
        good = mix.check(item, items.parse_answer(text, item))
        right += good
        modes[item.mode] += good
        modes["all " + item.mode] += 1
        if not good and len(failures) < 6:
            failures.append({"mode": item.mode, "asked": item.messages[-1]["content"][-300:],
                             "wanted": item.content or str(item.calls), "said": text[-400:]})
    few, batch = (DRAFTED, 24) if family not in LONG else (6, 1)
    tokens, steps = drafting(decoder, tasks[:few], found[:few], batch)
    return {"family": family, "items": len(tasks), "exact": round(100 * right / len(tasks), 2),
            "modes": {mode: round(100 * modes[mode] / modes["all " + mode], 2)
                      for mode in items.MODES if modes["all " + mode]},
            "tokens_per_step": round(tokens / max(1, steps), 3), "drafted": [tokens, steps],
            "seconds": round(time.time() - start, 1), "failures": failures}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--quantized", action="store_true")
    parser.add_argument("--report")
    parser.add_argument("--families", nargs="*", default=FAMILIES)
    options = parser.parse_args()
    path = str(pathlib.Path(options.tokenizer) / "tokenizer.json")
    jobs = [(family, options.count, path) for family in options.families]
    pool = multiprocessing.get_context("fork").Pool(min(12, multiprocessing.cpu_count()))
    prepared = pool.imap(prepare, jobs)
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(path)
    weights = (torch.load(options.weights, map_location="cpu")
               if options.weights.endswith(".pt") else export.load(options.weights))
    weights = {name: value if name.endswith(export.FLOAT32) else value.bfloat16().float()
               for name, value in weights.items()}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    decoder = Decoder(quantized(weights) if options.quantized else weights, shapes.DEMO, device,
                      torch.bfloat16 if device == "cuda" else torch.float32)
    decoder.switch.fill_(float(options.quantized))
    reports, total = [], [0, 0]
    for family, tasks in prepared:
        reports.append(judge(decoder, tokenizer, family, tasks))
        total = [a + b for a, b in zip(total, reports[-1]["drafted"])]
        print(json.dumps({key: value for key, value in reports[-1].items()
                          if key != "failures"}), flush=True)
        if options.report:
            pathlib.Path(options.report).write_text(json.dumps(reports, indent=1) + "\n")
    print(f"tokens per step with {DRAFTS} drafts, all families: {total[0] / max(1, total[1]):.3f}")


if __name__ == "__main__":
    main()
