"""Chooses prompts token by token so that no router decision is a near-tie."""

import copy

import numpy as np

from goldens.model import Model, State

CANDIDATES = 48


class Search:
    """Grows a prompt; every token keeps all routers' margins (the MTP head's too) above a bound."""

    def __init__(self, shape, weights, rules, seed):
        self.shape = shape
        self.model = Model(shape, weights, rules)
        self.random = np.random.default_rng(seed)

    def prompt(self, length, margin):
        """`length` ids whose margins are all at least `margin`; fails if a position has none."""
        state, ids, last = State(), [], None
        for position in range(length):
            rivals = self.random.choice(self.shape.V, CANDIDATES, replace=False)
            ahead = np.minimum.reduce(self._margins(rivals, state, last), initial=1.0)
            good = np.flatnonzero(np.broadcast_to(ahead, CANDIDATES) >= margin)
            if not len(good):
                raise ValueError(f"no candidate keeps the margin at position {position}")
            ids.append(int(rivals[good[0]]))
            last = self._extend(ids[-1], state, last)
        return np.array(ids, np.int32)

    def _margins(self, rivals, state, last):
        trial = copy.copy(state)
        trial.margins = {}
        self.model.hidden(rivals, trial, branch=True)
        if self.shape.mtp and last is not None:
            rows = np.repeat(last, len(rivals), 0)
            self.model.draft_hidden(rows, rivals, trial, branch=True)
        return list(trial.margins.values())

    def _extend(self, token, state, last):
        if self.shape.mtp and last is not None:
            self.model.draft_hidden(last, [token], state)
        return self.model.hidden([token], state)
