"""Makes, judges and stores one checkpoint with its goldens; or checks the stored ones."""

import filecmp
import pathlib
import tempfile

import numpy as np
from safetensors.numpy import save_file

from goldens import checkpoint, choose, judge, record, spread, visibility
from goldens.model import Rules
from goldens.search import Search
from goldens.shape import read_shape
from goldens.weights import Weights, read_safetensors

CLOSE_EVERY = 5
QUIET = 0.95                # share of the spread's limit that a kept row may use
REPLAY_F32 = 1e-6           # the same prompt on another machine's sums


class Subject:
    """One written checkpoint, read back as a stranger would."""

    def __init__(self, design, folder):
        self.design, self.folder = design, pathlib.Path(folder)
        self.shape, self.weights = read_shape(folder), Weights.read(folder)
        judge.require(self.shape == design.shape, "config.json does not say what was built")
        self.rules = {"f32": Rules(), "shipped": Rules(shipped=True, fp8_kv=design.quantized)}

    def run(self, numerics, ids):
        return record.run(self.shape, self.weights, self.rules[numerics], ids)

    def prompt(self, numerics):
        f32 = numerics == "f32"
        search = Search(self.shape, self.weights, self.rules[numerics], self.design.seed)
        return search.prompt(record.LENGTH, judge.F32_MARGIN if f32 else judge.SHIPPED_MARGIN,
                             CLOSE_EVERY if f32 else 0, () if f32 else record.MANDATORY)

    def effects(self, numerics, ids):
        return visibility.Effects(self.shape, self.weights, self.rules[numerics], ids)


def make(design, data):
    """Writes the checkpoint and its golden file."""
    folder = data / "checkpoints" / design.name
    checkpoint.write(design, folder, data)
    subject, tensors = Subject(design, folder), {}
    for numerics in ("f32", "shipped"):
        ids = subject.prompt(numerics)
        seen = Seen(subject, numerics, ids)
        rows = choose.rows(seen.moved, seen.loud, QUIET * judge.SPREAD_LIMIT)
        judge_golden(subject, seen, rows)
        golden = record.golden(seen.run, subject.shape, ids, rows)
        tensors |= {f"{numerics}.{name}": value for name, value in golden.items()
                    if numerics == "f32" or "_state" not in name}
    save_file(tensors, data / "goldens" / f"{design.name}.safetensors")


def check(design, data):
    """Derives the checkpoint anew, and the goldens from the stored prompts; compares both."""
    folder = data / "checkpoints" / design.name
    check_files(design, folder, data)
    subject = Subject(design, folder)
    stored = read_safetensors(data / "goldens" / f"{design.name}.safetensors")
    for numerics in ("f32", "shipped"):
        own = {name.removeprefix(numerics + "."): value for name, value in stored.items()
               if name.startswith(numerics + ".")}
        rows = [own[key] for key in ("positions", "mtp_positions") if key in own]
        seen = Seen(subject, numerics, own["ids"])
        judge_golden(subject, seen, rows)
        fresh = record.golden(seen.run, subject.shape, own["ids"], rows)
        bound = REPLAY_F32 if numerics == "f32" else judge.SPREAD_LIMIT
        for name, value in own.items():
            if value.dtype == np.float32:
                off = record.relative(fresh[name].reshape(len(value), -1),
                                      value.reshape(len(value), -1)).max()
                where = f"{design.name}: {numerics}.{name}"
                judge.require(off <= bound, f"{where} is off by {off:.1e}")


def check_files(design, folder, data):
    """The stored checkpoint, byte for byte, against one built anew from the design's seed."""
    with tempfile.TemporaryDirectory() as fresh:
        checkpoint.write(design, fresh, data)
        names = sorted(path.name for path in pathlib.Path(fresh).iterdir())
        same, _, _ = filecmp.cmpfiles(fresh, folder, names, shallow=False)
        stale = sorted(set(names) - set(same))
        judge.require(not stale, f"{design.name}: stored files differ: {stale}")


class Seen:
    """One prompt's run, what wrong weights or scales do to it, where correct roundings agree."""

    def __init__(self, subject, numerics, ids):
        self.numerics, self.ids = numerics, ids
        self.run = subject.run(numerics, ids)
        self.effects = visibility.Effects(subject.shape, subject.weights,
                                          subject.rules[numerics], ids)
        if numerics == "f32":
            self.moved = visibility.weight_effects(self.effects)
            self.loud = [np.zeros(len(line)) for line in next(iter(self.moved.values()))]
        else:
            self.moved = visibility.scale_effects(self.effects)
            self.loud = spread.spread(subject.shape, subject.weights, subject.rules[numerics], ids)


def judge_golden(subject, seen, rows):
    """Asserts every bound of judge.py for one prompt and prints the measured figures."""
    weights, f32 = subject.weights, seen.numerics == "f32"
    print(f"{subject.design.name} {seen.numerics}: rows {[len(r) for r in rows]}", flush=True)
    margin = judge.margins_hold(seen.run, judge.F32_MARGIN if f32 else judge.SHIPPED_MARGIN)
    print(f"  smallest router margin {margin:.2e}")
    if f32:
        oracle = judge.oracles_agree(subject.folder, weights, seen)
        clamp = judge.clamp_shows(seen.effects, rows)
        print(f"  oracles differ by {oracle:.1e}; a clamped dt moves {clamp:.2f}")
        bound = judge.weight_bound(weights)
    else:
        print(f"  spread of kept rows {judge.quiet(seen.loud, rows)}; "
              f"all rows' median {[round(float(np.median(line)), 4) for line in seen.loud]}")
        bound = judge.SCALE_FACTOR * judge.SHIPPED_BAR
    factors = judge.all_visible(seen.moved, rows, bound)
    for kind, factor in judge.by_kind(factors).items():
        print(f"  {kind:48s} {factor:6.2f} x what is needed ({bound:.0e})")
