"""Trains the demo model for a given time and writes its weights and a log.

    python train.py OUT --tokenizer DIR [--minutes 17.9] [--seed 1] [--start WEIGHTS]

Progress is the share of the time that has passed; the learning rate, the weight of prompts and
fake quantization follow it. Everything else follows from the seed.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch

import export
import feed
import model
import quantize
import shape as shapes
from attend import Attend
from data import mix
from network import DRAFTS, Network, shifted
from optimizer import Optimizer

DRAFT_WEIGHT = 0.1          # of each draft's loss beside the model's own
BALANCE_RATE = 1e-3         # step of the router's bias towards equal load


@dataclasses.dataclass
class Plan:
    """What a run does when; shares are of its time."""

    minutes: float = 17.0
    rows: int = 8
    length: int = 8192
    long_share: float = 0.37       # rows that begin with a document of 4K to 8K tokens
    warmup: float = 0.01
    decay_from: float = 0.5
    quantize_from: float = 0.8
    draft_every: int = 3           # steps between those that train the drafts
    muon_rate: float = 0.015
    adam_rate: float = 0.004
    prompt_share: float = 0.1      # weight of a prompt's token at the start
    seed: int = 1
    workers: int = 14

    def rate(self, progress):
        """Learning rate factor: warm-up, stable, linear decay."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.02)
        left = (1.0 - progress) / (1.0 - self.decay_from)
        return max(0.0, min(1.0, left))

    def prompt_weight(self, progress):
        """How much a prompt's token counts beside an answer's."""
        return max(0.005, self.prompt_share * (1.0 - progress / 0.4))


class Trainer:
    """Weights, optimizer and forward pass on one device."""

    def __init__(self, shape, plan, device):
        torch.manual_seed(plan.seed)
        self.shape, self.plan, self.device = shape, plan, torch.device(device)
        fast = self.device.type == "cuda"
        self.dtype = torch.bfloat16 if fast else torch.float32
        self.weights = {name: value.to(device) for name, value
                        in model.initial(shape, plan.seed).items()}
        for name, value in self.weights.items():
            value.requires_grad_(not name.endswith("correction_bias"))
        self.optimizer = Optimizer(self.weights, plan.muon_rate, plan.adam_rate)
        self.network = Network(shape, Attend(plan.rows, plan.length, device), compiled=fast)
        self.fake = {"none": lambda x: x, "fp8": quantize.fp8_weight,
                     "nvfp4": quantize.nvfp4_weight}
        if fast:
            for form in ("fp8", "nvfp4"):
                self.fake[form] = torch.compile(self.fake[form], dynamic=False)
        self.switch = torch.zeros((), device=device)
        self.steps = 0

    def working(self):
        """The weights as the forward pass uses them: rounded, and quantized when it is time."""
        found = {}
        for name, value in self.weights.items():
            if name.endswith("correction_bias"):
                found[name] = value
                continue
            if self.quantized:
                value = self.fake[quantize.form_of(name)](value)
            found[name] = value.to(self.dtype)
        return found

    def losses(self, batch, weights, drafts):
        """(loss, which guesses are right: own and each draft's [T], tokens per expert)."""
        ids, segment, counts = batch
        hidden, loads = self.network.hidden(ids, segment, weights, self.switch)
        head = weights["lm_head.weight"]
        targets, scale = shifted(ids, segment, counts, 1)
        total = scale.sum()
        own, right = self.network.entropy(hidden, head, targets, scale)
        loss, rights = own / total, [right]
        if drafts:
            found, load = self.network.drafts(hidden, ids, weights)
            loads |= load
            for step, draft in enumerate(found, 1):
                targets, scale = shifted(ids, segment, counts, step + 1)
                extra, right = self.network.entropy(draft, head, targets, scale)
                loss = loss + DRAFT_WEIGHT * self.plan.draft_every * extra / total
                rights.append(right)
        return loss, rights, loads

    def step(self, batch, progress):
        """One update; returns (loss, which guesses are right: own and each draft's)."""
        ids, segment, kinds = (torch.from_numpy(part.astype("int32")).to(
            self.device, non_blocking=True) for part in batch)
        counts = (kinds >= feed.ANSWER) + (kinds == feed.PROMPT) * self.plan.prompt_weight(progress)
        self.quantized = progress >= self.plan.quantize_from
        self.switch.fill_(float(self.quantized))
        self.network.attend.start(segment)
        drafts = self.steps % self.plan.draft_every == 0
        loss, rights, loads = self.losses((ids.long(), segment, counts.float()), self.working(),
                                          drafts)
        loss.backward()
        self.optimizer.step(self.plan.rate(progress))
        self.balance(loads)
        self.steps += 1
        return loss.detach(), rights

    @torch.no_grad()
    def balance(self, loads):
        """Moves each router's bias so that rarely chosen experts are chosen more often."""
        for prefix, load in loads.items():
            bias = self.weights[prefix + "mixer.gate.e_score_correction_bias"]
            bias += BALANCE_RATE * torch.sign(load.mean() - load)

    def load(self, path):
        """Takes over weights that an earlier run saved, or an exported folder."""
        found = torch.load(path) if path.endswith(".pt") else export.load(path)
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(found[name])

    def save(self, path):
        torch.save({name: value.detach().cpu() for name, value in self.weights.items()}, path)


def share_right(kinds, right, ahead):
    """Share of the answers' tokens that were guessed right `ahead` tokens before."""
    wanted = (torch.roll(kinds, -ahead, 1) >= feed.ANSWER).flatten()
    return round((right & wanted).sum().item() / wanted.sum().item(), 4)


def failing(batch, right):
    """{family number: (documents, those whose last answer has a wrong guess)} of a batch."""
    _, segment, kinds = batch
    right = right.cpu().numpy().reshape(kinds.shape)[:, :-1]
    last = kinds[:, 1:].astype(int) - feed.LAST
    document = segment[:, 1:].astype(int) + 1000 * np.arange(len(kinds))[:, None]
    chosen = last >= 0
    found = {}
    for family in np.unique(last[chosen]):
        here = last == family
        everyone, wrong = document[here], document[here & ~right]
        found[int(family)] = (len(np.unique(everyone)), len(np.unique(wrong)))
    return found


class Balance:
    """Running failure rate of every family, by guesses of its last answers in training."""

    def __init__(self, rows):
        self.rows, self.rates = rows, [1.0] * len(mix.FAMILIES)

    def update(self, batch, right):
        for family, (count, wrong) in failing(batch, right).items():
            part = min(0.5, 0.02 * count)
            self.rates[family] += part * (wrong / count - self.rates[family])
        self.rows.favour(self.rates)

    def summary(self):
        return {name: round(rate, 3) for name, rate in zip(mix.FAMILIES, self.rates)}


class Log:
    """Prints and writes a line now and then; reading the loss waits for the device."""

    def __init__(self, path, plan):
        self.file = open(path, "a", encoding="utf-8")
        self.tokens, self.start = plan.rows * plan.length, time.time()
        self.last, self.last_step = self.start, 0
        self.write(vars(plan))

    def write(self, entry):
        print(json.dumps(entry), flush=True)
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()

    def step(self, trainer, batch, result, extra):
        """One line about the step that just ran."""
        loss, rights = result
        kinds = torch.from_numpy(batch[2])
        now = time.time()
        speed = (trainer.steps - self.last_step) * self.tokens / (now - self.last)
        self.last, self.last_step = now, trainer.steps
        self.write({"step": trainer.steps, "loss": round(loss.item(), 4),
                    "right": [share_right(kinds, right.cpu(), step)
                              for step, right in enumerate(rights, 1)],
                    "tokens_per_s": round(speed), **extra})
        return loss.isfinite().item()


def run(out, tokenizer, plan, first):
    """Trains until the time is over; saves every two minutes and at the end."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    start = time.time()
    rows = feed.Feed(pathlib.Path(tokenizer) / "tokenizer.json", vars(plan), plan.workers)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    trainer, log = Trainer(shapes.DEMO, plan, device), Log(out / "log.jsonl", plan)
    if first:
        trainer.load(first)
    balance, saved = Balance(rows), start
    while (progress := (time.time() - start) / (plan.minutes * 60)) < 1.0:
        batch = rows.next()
        result = trainer.step(batch, progress)
        if trainer.steps % 16 == 0:
            balance.update(batch, result[1][0])
        if trainer.steps in (1, 2, 4, 8, 16, 32, 64) or trainer.steps % 256 == 1:
            extra = {"progress": round(progress, 4), "waited": rows.waited,
                     "seconds": round(time.time() - start, 1)}
            if device == "cuda":
                extra["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
            if trainer.steps > 64:
                extra["failing"] = balance.summary()
            if not log.step(trainer, batch, result, extra):
                break
        if time.time() - saved > 120:
            trainer.save(out / "weights.pt")
            saved = time.time()
    trainer.save(out / "weights.pt")
    rows.close()
    log.write({"steps": trainer.steps, "tokens": trainer.steps * plan.rows * plan.length,
               "seconds": round(time.time() - start, 1), "drafts": DRAFTS})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--start", help="weights to go on from")
    for field in dataclasses.fields(Plan):
        parser.add_argument("--" + field.name.replace("_", "-"), type=field.type,
                            default=field.default)
    options = vars(parser.parse_args())
    out, tokenizer, first = (options.pop(name) for name in ("out", "tokenizer", "start"))
    run(out, tokenizer, Plan(**options), first)


if __name__ == "__main__":
    main()
