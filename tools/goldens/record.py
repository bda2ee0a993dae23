"""Runs one prompt through a model and collects everything a golden keeps."""

import dataclasses

import numpy as np

from goldens.model import Model, State

LENGTH = 310
CUT = 128
MANDATORY = (0, 1, 2, 3, 126, 127, 128, 129, 255, 256, 257, LENGTH - 2, LENGTH - 1)
SSM_STRIDE = 16


@dataclasses.dataclass
class Run:
    """logits [T, V], drafts [T-1, V] or None, states by layer at CUT and at the end."""

    logits: np.ndarray
    drafts: np.ndarray | None
    cut: State
    end: State
    margins: dict


def run(shape, weights, rules, ids):
    """The whole prompt, cut once at CUT so that the states there can be kept."""
    model, state = Model(shape, weights, rules), State()
    first = model.hidden(ids[:CUT], state)
    cut = State()
    cut.conv, cut.ssm = dict(state.conv), dict(state.ssm)
    g = np.concatenate([first, model.hidden(ids[CUT:], state)])
    drafts = None
    if shape.mtp:
        drafts = model.logits(model.draft_hidden(g[:-1], ids[1:], state))
    return Run(model.logits(g), drafts, cut, state, state.margins)


def relative(a, b):
    """||a - b|| / ||b|| by row."""
    return np.linalg.norm(a - b, axis=-1) / np.linalg.norm(b, axis=-1)


def golden(run_, shape, ids, rows):
    """The tensors of one golden, without the numerics' prefix; see tests/data/goldens/README.md.

    `rows` are the kept rows of the logits and, with an MTP head, those of its drafts.
    """
    kept = {"ids": np.asarray(ids, np.int32), "positions": np.asarray(rows[0], np.int32),
            "logits": run_.logits[rows[0]]}
    if run_.drafts is not None:
        kept |= {"mtp_positions": np.asarray(rows[1], np.int32),
                 "mtp_logits": run_.drafts[rows[1]]}
    for suffix, state in ((f"_at_{CUT}", run_.cut), ("", run_.end)):
        for i, letter in enumerate(shape.pattern):
            if letter == "M":
                key = f"backbone.layers.{i}.mixer"
                kept[f"ssm_state{suffix}.layer{i}"] = state.ssm[key][:, ::SSM_STRIDE]
                kept[f"conv_state{suffix}.layer{i}"] = state.conv[key]
    return {name: np.ascontiguousarray(value, np.int32 if value.dtype == np.int32 else np.float32)
            for name, value in kept.items()}
