"""Chooses prompts token by token so that no router decision is a near-tie."""

import copy

import numpy as np

from goldens.initial import is_loud
from goldens.model import Model, State

CANDIDATES = 40


class Search:
    """Grows a prompt; every token keeps all routers' margins (the MTP head's too) above a bound."""

    def __init__(self, shape, weights, rules, seed):
        self.shape = shape
        self.model = Model(shape, weights, rules)
        self.random = np.random.default_rng(seed)

    def prompt(self, length, margin, close_every=0, loud_at=()):
        """`length` ids whose margins are all at least `margin`; fails if a position has none.

        With `close_every` every so many tokens the allowed token nearest to a tie is taken, for
        each router in turn: there a small change of the router's bias shows. The positions
        `loud_at` get tokens with a large embedding.
        """
        state, ids, last = State(), [], None
        for position in range(length):
            close = close_every and position % close_every == close_every - 1
            count = self.shape.V if close else CANDIDATES
            rivals = self.random.permutation(self.shape.V)
            rivals = rivals[is_loud(rivals)] if position in loud_at else rivals
            rivals = rivals[:count]
            margins = self._margins(rivals, state, last)
            ahead = np.broadcast_to(np.minimum.reduce(margins, initial=1.0), len(rivals))
            good = np.flatnonzero(ahead >= margin)
            if not len(good):
                raise ValueError(f"no candidate keeps the margin at position {position}")
            pick = good[0]
            if margins and close:
                router = margins[position // close_every % len(margins)]
                pick = good[np.argmin(router[good])]
            ids.append(int(rivals[pick]))
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
