"""What a wrong weight or scale does to a golden, row by row."""

import numpy as np

from goldens.model import Model, State
from goldens.record import relative
from goldens.weights import Linear

WEIGHT_FACTOR = 1.01


class Effects:
    """Reruns a prompt with changed weights, from the first layer that a change can reach."""

    def __init__(self, shape, weights, rules, ids):
        self.shape, self.weights, self.rules, self.ids = shape, weights, rules, ids
        model, state = Model(shape, weights, rules), State()
        self.before = [model.embed(ids)]
        for i in range(len(shape.pattern)):
            self.before.append(model.layers(self.before[-1], state, span=(i, i + 1)))
        self.g = model.norm("backbone.norm_f.weight", self.before[-1])
        self.base = self._outputs(model, self.g)

    def _outputs(self, model, g):
        logits = [model.logits(g)]
        if self.shape.mtp:
            logits.append(model.logits(model.draft_hidden(g[:-1], self.ids[1:], State())))
        return logits

    def of(self, names, weights, rules=None):
        """Relative movement of each row: [T] for the logits, [T-1] for the drafts if any."""
        model = Model(self.shape, weights, rules or self.rules)
        start = min(self._layer(name) for name in names)
        g = self.g
        if start <= len(self.shape.pattern):
            h = model.embed(self.ids) if start < 0 else self.before[start]
            h = model.layers(h, State(), span=(max(start, 0), len(self.shape.pattern)))
            g = model.norm("backbone.norm_f.weight", h)
        return [relative(new, old) for new, old in zip(self._outputs(model, g), self.base)]

    def _layer(self, name):
        depth = len(self.shape.pattern)
        if name.startswith("backbone.layers."):
            return int(name.split(".")[2])
        if name.startswith("backbone.embeddings"):
            return -1
        return depth if name.startswith("backbone.norm_f") else depth + 1


def weight_effects(effects):
    """{tensor: row movements} for every weight tensor times 1.01."""
    weights, found = effects.weights, {}
    linears = set(weights.linear_prefixes())
    for name in sorted(weights.tensors):
        prefix = name.removesuffix(".weight")
        if name.endswith(("_scale", "_scale_2")):
            continue
        if prefix in linears and not name.endswith("gate.weight"):
            old = weights.linear(prefix)
            new = Linear(old.weight * WEIGHT_FACTOR, old.input_scale)
            changed = weights.copy_with(linears={prefix: new})
        else:
            changed = weights.copy_with(arrays={name: weights.array(name) * WEIGHT_FACTOR})
        found[name] = effects.of([name], changed)
    return found


def activation_scales(weights):
    """Names of the scales that the shipped numerics use: k, v, and the FP8 linears' inputs."""
    names = [n for n in sorted(weights.tensors) if n.endswith((".k_scale", ".v_scale"))]
    for prefix in weights.linear_prefixes():
        if weights.linear(prefix).input_scale is not None:
            names.append(prefix + ".input_scale")
    return names


def with_scales(weights, values):
    """Weights in which each named scale tensor holds another value."""
    linears = {}
    for name, value in values.items():
        if name.endswith(".input_scale"):
            prefix = name.removesuffix(".input_scale")
            linears[prefix] = Linear(weights.linear(prefix).weight, value)
    scalars = {name: np.array([value], np.float32) for name, value in values.items()}
    return weights.copy_with(linears=linears, scalars=scalars)


def scale_effects(effects):
    """{label: row movements} for every scale halved and every pair of one kind swapped.

    Empty where the layout has no such scale.
    """
    weights, found = effects.weights, {}
    names = activation_scales(weights)
    for name in names:
        changed = with_scales(weights, {name: weights.scalar(name) / 2})
        found["halved " + name] = effects.of([name], changed)
    for i, a in enumerate(names):
        for b in names[i + 1:]:
            if a.endswith("input_scale") == b.endswith("input_scale"):
                swap = {a: weights.scalar(b), b: weights.scalar(a)}
                found[f"swapped {a} {b}"] = effects.of([a, b], with_scales(weights, swap))
    return found
