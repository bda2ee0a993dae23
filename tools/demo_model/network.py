"""The whole forward pass: trunk, recursive drafts, losses. Compiled block by block on a GPU."""

import torch

import model
from attend import with_own

DRAFTS = 3


class Network:
    """Blocks of one shape, compiled or not, with an attention core for one batch shape."""

    def __init__(self, shape, attend, compiled):
        self.shape, self.attend = shape, attend
        wrap = (lambda f: torch.compile(f, dynamic=False, fullgraph=True)) if compiled else (
            lambda f: f)
        self.mamba = wrap(self._mamba)
        self.inputs, self.output = wrap(self._inputs), wrap(self._output)
        self.moe, self.norm = wrap(self._moe), wrap(model.rms)
        self.draft_inputs, self.join = wrap(self._draft_inputs), wrap(with_own)
        self.entropy = wrap(model.cross_entropy)

    def _mamba(self, h, segment, w, switch):
        return model.mamba_block(h, segment, w, switch, self.shape)[0]

    def _inputs(self, h, w, switch):
        return model.attention_inputs(h, w, switch, self.shape)

    def _output(self, h, out, o_proj):
        return model.attention_output(h, out, o_proj)

    def _moe(self, h, w, switch):
        return model.moe_block(h, w, switch, self.shape)

    def _draft_inputs(self, g, embedded, own, w):
        return model.draft_inputs(g, embedded, own, w, self.shape)

    def hidden(self, ids, segment, weights, switch):
        """(hidden states after norm_f [R, L, H], tokens per expert by MoE layer)."""
        h = weights["backbone.embeddings.weight"][ids]
        loads = {}
        for prefix, letter in zip(model.layer_names(self.shape), self.shape.pattern):
            w = model.of_layer(weights, prefix, letter, self.shape)
            if letter == "M":
                h = self.mamba(h, segment, w, switch)
            elif letter == "*":
                q, k, v = self.inputs(h, w, switch)
                h = self.output(h, self.attend(q, k, v)[0], w[-1])
            else:
                h, loads[prefix] = self.moe(h, w, switch)
        return self.norm(h, weights["backbone.norm_f.weight"]), loads

    def drafts(self, g, ids, weights, count=DRAFTS):
        """The head's hidden states of drafts 1 to `count`, each [R, L, H], and the head's loads.

        Draft j at place i has seen the tokens up to i + j and guesses token i + j + 1. As in
        decoding it attends to the first draft's keys up to i and to its own steps' keys.
        """
        own = [weights[model.MTP + name] for name in ("enorm.weight", "hnorm.weight",
                                                      "eh_proj.weight")]
        w = model.of_layer(weights, model.MTP, "*", self.shape)
        experts = model.of_layer(weights, model.MTP_MOE, "E", self.shape)
        zero = torch.zeros((), device=g.device)
        found, extra, load = [], [], 0
        for step in range(1, count + 1):
            embedded = weights["backbone.embeddings.weight"][torch.roll(ids, -step, 1)]
            a, q, k, v = self.draft_inputs(g, embedded, own, w)
            if step == 1:
                first = (k, v)
                out, _ = self.attend(q, k, v)
            else:
                extra.append((k, v))
                out, lse = self.attend(q, *first)
                out = self.join(out, lse, q, extra)
            a = self.output(a, out, w[-1])
            a, tokens = self.moe(a, experts, zero)
            load = load + tokens
            g = self.norm(a, weights[model.MTP_MOE + "final_layernorm.weight"])
            found.append(g)
        return found, {model.MTP_MOE: load}


def shifted(ids, segment, weights, steps):
    """(targets, weights) for guesses `steps` tokens ahead; 0 where that leaves the document."""
    targets = torch.roll(ids, -steps, 1)
    same = torch.roll(segment, -steps, 1) == segment
    same[:, -steps:] = False
    return targets, torch.roll(weights, -steps, 1) * same
