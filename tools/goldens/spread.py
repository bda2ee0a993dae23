"""How far apart correct shipped pipelines are: one prompt, other placements of roundings."""

import dataclasses

import numpy as np

from goldens import record
from goldens.model import Rules

SWITCHES = ("norm_before_weight", "unrounded_residual", "round_scan", "round_scan_operands",
            "round_square", "fused_square", "round_expert", "late_factor", "fused_branches",
            "round_probabilities")
JITTER = 1e-6
MIXTURES = 10


def variants(base):
    """Each switch alone, tp with bf16 partial sums, and random mixtures; all with f32 noise."""
    found = [dataclasses.replace(base, jitter=JITTER, seed=seed) for seed in range(2)]
    for name in SWITCHES:
        found.append(_flipped(base, [name], 1, len(found)))
    found += [_flipped(base, [], ranks, len(found)) for ranks in (2, 4)]
    random = np.random.default_rng(1)
    for _ in range(MIXTURES):
        names = [name for name in SWITCHES if random.random() < 0.5]
        found.append(_flipped(base, names, int(random.choice([1, 2, 4])), len(found)))
    return found


def _flipped(base, names, ranks, seed):
    flips = {name: not getattr(Rules(), name) for name in names}
    return dataclasses.replace(base, **flips, partial_ranks=ranks, jitter=JITTER, seed=seed)


def spread(shape, weights, base, ids):
    """Per row, the largest distance of any variant from `base`: [T] and, with MTP, [T-1]."""
    golden = record.run(shape, weights, base, ids)
    worst = [np.zeros(len(ids))] + [np.zeros(len(ids) - 1)] * shape.mtp
    for rules in variants(base):
        other = record.run(shape, weights, rules, ids)
        pairs = [(other.logits, golden.logits), (other.drafts, golden.drafts)]
        worst = [np.maximum(old, record.relative(a, b)) for old, (a, b) in zip(worst, pairs)]
    return worst
