"""Static activation scales, measured as a calibration run would, then set well below the maximum.

A scale that clips often is what makes a wrong scale visible: e4m3 is a floating format, so halving
a scale that never clips changes almost nothing.
"""

import numpy as np

from goldens.model import Model, Rules, State
from goldens.numerics import E4M3_MAX


class Meter(Model):
    """Notes the root mean square of what enters each linear and of what each K or V stores."""

    def __init__(self, shape, weights):
        super().__init__(shape, weights, Rules())
        self.seen = {}

    def product(self, prefix, x):
        self.note(prefix + ".input_scale", x)
        return super().product(prefix, x)

    def stored(self, prefix, scale, x):
        y = super().stored(prefix, scale, x)
        self.note(f"{prefix}.{scale}", y)
        return y

    def note(self, name, x):
        self.seen.setdefault(name, []).append(float((x * x).mean()))


def calibrate(shape, weights, clip, seed):
    """Returns {scale tensor: value} with `clip(name)` root mean squares at e4m3's largest value."""
    meter, state = Meter(shape, weights), State()
    ids = np.random.default_rng(seed).integers(0, shape.V, 200)
    meter.hidden(ids, state)
    scales = {}
    for name, squares in meter.seen.items():
        if weights.has(name):
            scale = clip(name) * np.sqrt(np.mean(squares)) / E4M3_MAX
            scales[name] = float(f"{scale:.3g}")
    return scales
