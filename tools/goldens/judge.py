"""What a golden must be able to see, and how quiet it must be. Every bound is asserted.

Bars are those of the tests: ||ours - golden|| / ||golden||, the largest over the kept rows.
"""

import dataclasses

import numpy as np

from goldens import hf_oracle, record
from goldens.initial import TIME_STEP_MIN

F32_BAR = 1e-4
SHIPPED_BAR = 2e-2
F32_MARGIN = 3e-4
SHIPPED_MARGIN = 0.04
ORACLE_BAR = 1e-5
SPREAD_LIMIT = 1e-2
WEIGHT_FACTOR = 10          # a weight 1% off moves the f32 golden by this many bars,
WEIGHT_FACTOR_W8A8 = 3      # or by this many where activations are FP8
SCALE_FACTOR = 3            # a wrong k, v or input scale moves the shipped golden by this many


def weight_bound(weights):
    w8a8 = any(weights.linear(prefix).input_scale is not None and
               prefix + ".weight_scale_2" not in weights.tensors
               for prefix in weights.linear_prefixes())
    return F32_BAR * (WEIGHT_FACTOR_W8A8 if w8a8 else WEIGHT_FACTOR)


def oracles_agree(folder, weights, seen):
    """Compares transformers with the numpy model: logits of every row, SSM and conv states."""
    ours = seen.run
    logits, ssm, conv = hf_oracle.run(hf_oracle.load(folder, weights), seen.ids)
    worst = record.relative(logits, ours.logits).max()
    for i in ssm:
        key = f"backbone.layers.{i}.mixer"
        for theirs, mine in ((ssm[i], ours.end.ssm[key]), (conv[i], ours.end.conv[key])):
            worst = max(worst, np.linalg.norm(theirs - mine) / np.linalg.norm(mine))
    require(worst <= ORACLE_BAR, f"oracles differ by {worst:.1e}")
    return worst


def margins_hold(run, bound):
    smallest = min((float(m.min()) for m in run.margins.values()), default=np.inf)
    require(smallest >= bound, f"a router's margin is {smallest:.2e}, below {bound}")
    return smallest


def clamp_shows(effects, kept):
    """Clamping dt to the config's time_step_min, which no release does, must be far off."""
    rules = dataclasses.replace(effects.rules, dt_floor=TIME_STEP_MIN)
    moved = visible(effects.of(["backbone.layers.0"], effects.weights, rules), kept)
    require(moved >= WEIGHT_FACTOR * F32_BAR, f"a clamped dt moves the golden by {moved:.1e}")
    return moved


def visible(movements, kept):
    """The largest movement over the kept rows of logits and drafts."""
    return max(float(m[k].max()) for m, k in zip(movements, kept) if len(k))


def all_visible(found, kept, bound):
    """Asserts that each entry moves the kept rows by `bound`; returns {label: movement / bound}."""
    factors = {label: visible(movements, kept) / bound for label, movements in found.items()}
    blind = [f"{label} ({factor:.2f})" for label, factor in factors.items() if factor < 1]
    require(not blind, "too faint, as a share of what is needed: " + ", ".join(blind))
    return factors


def require(condition, message):
    if not condition:
        raise AssertionError(message)


def quiet(loud, kept):
    """Asserts that correct pipelines agree on the kept rows; returns the largest disagreement."""
    worst = [float(line[k].max()) for line, k in zip(loud, kept)]
    require(max(worst) <= SPREAD_LIMIT, f"correct roundings disagree by {max(worst):.1e}")
    return [round(value, 4) for value in worst]


def by_kind(factors):
    """The smallest factor of each kind of tensor, over layers and experts."""
    kinds = {}
    for label, factor in factors.items():
        kind = "swapped scales" if label.startswith("swapped") else kind_of(label)
        kinds[kind] = min(factor, kinds.get(kind, np.inf))
    return dict(sorted(kinds.items(), key=lambda item: item[1]))


def kind_of(label):
    parts = [part for part in label.replace("backbone.", "").split(".") if not part.isdigit()]
    return ".".join(part for part in parts if part not in ("layers", "mixer"))
