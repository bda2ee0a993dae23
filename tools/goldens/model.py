"""A float64 token-by-token model of the family and its MTP head, independent of any library.

`Rules` say where values are rounded: nowhere (the *f32* numerics, computed here in float64) or
where the shipped numerics round (model.md 2.6, 4.3 and 4.4). The remaining switches of `Rules` are
other correct placements of a rounding; they exist to measure how far correct pipelines may differ.
Sections in comments are those of model.md.
"""

import dataclasses

import numpy as np

from goldens.numerics import (round_bf16, round_e4m3, sigmoid, silu, softplus, store_e4m3)

MTP = "mtp.layers.0"
MTP_MOE = "mtp.layers.1"


@dataclasses.dataclass(frozen=True)
class Rules:
    shipped: bool = False
    fp8_kv: bool = False
    dt_floor: float = 0.0        # what a wrong clamp to time_step_min would do
    norm_before_weight: bool = False   # round the normalised value before the weight product
    unrounded_residual: bool = False   # normalise the sum before it is rounded
    partial_ranks: int = 1             # bf16 partial sums of row-parallel linears
    round_scan: bool = True            # y leaves the scan in bf16
    round_scan_operands: bool = False  # dt * x enters the state product in bf16
    round_square: bool = True          # relu2 leaves in bf16
    fused_square: bool = False         # relu2 reads the unrounded product
    round_expert: bool = False         # each expert's output leaves in bf16
    late_factor: bool = False          # routed_scaling_factor after the sum, not in the weights
    fused_branches: bool = False       # latent and shared branch added before rounding
    round_probabilities: bool = False  # softmax weights enter P.V in bf16
    jitter: float = 0.0                # relative size of f32 accumulation noise
    seed: int = 0


class State:
    """What a sequence leaves behind: K, V, conv window, SSM state per layer, and margins."""

    def __init__(self):
        self.keys, self.values, self.conv, self.ssm = {}, {}, {}, {}
        self.margins = {}


class Model:
    def __init__(self, shape, weights, rules):
        self.s, self.w, self.rules = shape, weights, rules
        self.random = np.random.default_rng(rules.seed)

    # Roundings ------------------------------------------------------------------------------

    def act(self, x):
        """A value carried between kernels."""
        return round_bf16(self._noise(x)) if self.rules.shipped else x

    def _noise(self, x):
        if not self.rules.jitter:
            return x
        size = np.sqrt((x * x).mean(-1, keepdims=True))
        return x + self.rules.jitter * size * self.random.standard_normal(np.shape(x))

    def product(self, prefix, x):
        """x W^T with f32 accumulators: not rounded yet."""
        linear = self.w.linear(prefix)
        if self.rules.shipped and linear.input_scale is not None:
            scale = np.float32(linear.input_scale)
            x = round_e4m3(x.astype(np.float32) / scale) * np.float64(scale)
        ranks = self.rules.partial_ranks
        row_parallel = prefix.endswith(("out_proj", "o_proj", "down_proj", "eh_proj"))
        if ranks == 1 or not row_parallel or x.shape[-1] % ranks:
            return x @ linear.weight.T
        parts = zip(np.split(x, ranks, -1), np.split(linear.weight, ranks, -1))
        return sum(round_bf16(a @ b.T) for a, b in parts)

    def linear(self, prefix, x):
        return self.act(self.product(prefix, x))

    def norm(self, name, x):
        scaled = x / np.sqrt((x * x).mean(-1, keepdims=True) + self.s.eps)
        if self.rules.norm_before_weight:
            scaled = self.act(scaled)
        return self.act(scaled * self.w.array(name))

    # Mixers ---------------------------------------------------------------------------------

    def mixer(self, prefix, letter, x, state, branch):
        if letter == "M":
            return self.mamba(prefix, x, state, branch)
        if letter == "*":
            return self.attention(prefix, x, state, branch)
        if letter == "E":
            return self.moe(prefix, x, state)
        return self.mlp(prefix, x)

    def mamba(self, prefix, x, state, branch):
        """2.2, by the recurrence; with `branch` the rows are rivals for one position."""
        s = self.s
        u = self.linear(prefix + ".in_proj", x)
        z, xbc, dt = np.split(u, [s.d_in, s.d_in + s.channels], -1)
        conv = state.conv.get(prefix, np.zeros((3, s.channels)))
        kernel = self.w.array(prefix + ".conv1d.weight")[:, 0, :]
        bias = self.w.array(prefix + ".conv1d.bias")
        if branch:
            v = bias + (conv * kernel[:, :3].T).sum(0) + xbc * kernel[:, 3]
        else:
            window = np.concatenate([conv, xbc])
            v = bias + sum(window[j:j + len(xbc)] * kernel[:, j] for j in range(4))
            state.conv[prefix] = window[-3:]
        v = self.act(silu(v))
        dt = softplus(dt + self.w.array(prefix + ".dt_bias"))
        dt = np.maximum(dt, self.rules.dt_floor)
        y = self.scan(prefix, v, dt, state, branch)
        return self.linear(prefix + ".out_proj", self.gated_norm(prefix, y, z))

    def scan(self, prefix, v, dt, state, branch):
        s, rows = self.s, len(v)
        x, b, c = np.split(v, [s.d_in, s.d_in + s.G * s.N], -1)
        x = x.reshape(rows, s.nh, s.P)
        b = np.repeat(b.reshape(rows, s.G, s.N), s.nh // s.G, 1)
        c = np.repeat(c.reshape(rows, s.G, s.N), s.nh // s.G, 1)
        decay = np.exp(dt * -np.exp(self.w.array(prefix + ".A_log")))
        skip = self.w.array(prefix + ".D")[:, None] * x
        dtx = dt[..., None] * x
        if self.rules.round_scan_operands:
            dtx = round_bf16(dtx)
        ssm = state.ssm.get(prefix, np.zeros((s.nh, s.P, s.N)))
        if branch:
            y = np.einsum("hpn,thn->thp", ssm, c) * decay[..., None]
            y = y + (b * c).sum(-1)[..., None] * dtx
        else:
            y = np.empty_like(x)
            ssm = ssm.copy()
            for t in range(rows):
                ssm *= decay[t][:, None, None]
                ssm += dtx[t][:, :, None] * b[t][:, None, :]
                y[t] = (ssm @ c[t][:, :, None])[..., 0]
            state.ssm[prefix] = ssm
        y = (y + skip).reshape(rows, s.d_in)
        return self.act(y) if self.rules.round_scan else y

    def gated_norm(self, prefix, y, z):
        r = (y * silu(z)).reshape(len(y), self.s.G, -1)
        r = r / np.sqrt((r * r).mean(-1, keepdims=True) + self.s.eps)
        r = r.reshape(len(y), -1)
        if self.rules.norm_before_weight:
            r = self.act(r)
        return self.act(r * self.w.array(prefix + ".norm.weight"))

    def attention(self, prefix, x, state, branch):
        """2.3; the current token's key and value are read back through the store (4.4)."""
        s, rows = self.s, len(x)
        q = self.linear(prefix + ".q_proj", x).reshape(rows, s.Hkv, -1, s.D)
        k = self.stored(prefix + ".k_proj", "k_scale", x)
        v = self.stored(prefix + ".v_proj", "v_scale", x)
        old_k = state.keys.get(prefix, np.zeros((0, s.Hkv, s.D)))
        old_v = state.values.get(prefix, np.zeros((0, s.Hkv, s.D)))
        keys, values = np.concatenate([old_k, k]), np.concatenate([old_v, v])
        scores = np.einsum("tgjd,sgd->gjts", q, keys) / np.sqrt(s.D)
        past = len(old_k)
        if branch:
            visible = np.concatenate([np.ones((rows, past), bool), np.eye(rows, dtype=bool)], 1)
        else:
            visible = np.tri(rows, past + rows, past, dtype=bool)
            state.keys[prefix], state.values[prefix] = keys, values
        scores = np.where(visible, scores, -np.inf)
        p = np.exp(scores - scores.max(-1, keepdims=True))
        total = p.sum(-1, keepdims=True)
        p = round_bf16(p) if self.rules.round_probabilities else p
        out = np.einsum("gjts,sgd->tgjd", p / total, values)
        return self.linear(prefix + ".o_proj", self.act(out.reshape(rows, -1)))

    def stored(self, prefix, scale, x):
        y = self.linear(prefix, x).reshape(len(x), self.s.Hkv, self.s.D)
        if not (self.rules.shipped and self.rules.fp8_kv):
            return y
        return store_e4m3(y, self.w.scalar(f"{prefix}.{scale}", 1.0))

    def up_down(self, prefix, x):
        """down(relu(up x)^2), not rounded."""
        up = self.product(prefix + ".up_proj", x)
        up = up if self.rules.fused_square else self.act(up)
        squared = np.maximum(up, 0.0) ** 2
        if self.rules.round_square or self._quantizes(prefix + ".down_proj"):
            squared = self.act(squared)
        return self.product(prefix + ".down_proj", squared)

    def _quantizes(self, prefix):
        return self.w.linear(prefix).input_scale is not None

    def mlp(self, prefix, x):
        return self.act(self.up_down(prefix, x))

    def route(self, prefix, x, state):
        """2.5 steps 1 to 3. Appends each row's margin between chosen and unchosen."""
        s = sigmoid(x @ self.w.array(prefix + ".gate.weight").T)
        t = s + self.w.array(prefix + ".gate.e_score_correction_bias")
        order = np.argsort(-t, axis=-1, kind="stable")
        ranked = np.take_along_axis(t, order, -1)
        margin = ranked[:, self.s.k - 1] - ranked[:, self.s.k]
        state.margins[prefix] = np.append(state.margins.get(prefix, []), margin)
        chosen = order[:, :self.s.k]
        w = np.take_along_axis(s, chosen, -1)
        return chosen, w / (w.sum(-1, keepdims=True) + 1e-20)

    def moe(self, prefix, x, state):
        chosen, weight = self.route(prefix, x, state)
        factor = self.s.scaling if not self.rules.late_factor else 1.0
        latent = self.linear(prefix + ".fc1_latent_proj", x) if self.s.Z else x
        r = np.zeros_like(latent)
        for e in range(self.s.E):
            row, rank = np.nonzero(chosen == e)
            if len(row):
                out = self.up_down(f"{prefix}.experts.{e}", latent[row])
                out = self.act(out) if self.rules.round_expert else out
                r[row] += out * (weight[row, rank] * factor)[:, None]
        r = self.act(r if not self.rules.late_factor else r * self.s.scaling)
        shared = self.up_down(prefix + ".shared_experts", x)
        if self.s.Z:
            r = self.product(prefix + ".fc2_latent_proj", r)
        if self.rules.fused_branches:
            return self.act(r + shared)
        return self.act(self.act(r) + self.act(shared))

    # Whole model ----------------------------------------------------------------------------

    def layers(self, h, state, branch=False, span=None):
        """Runs layers `span` (all by default) over h [T, H]; returns the residual after them."""
        exact = h
        for i in range(*(span or (0, len(self.s.pattern)))):
            prefix = f"backbone.layers.{i}"
            source = exact if self.rules.unrounded_residual else h
            x = self.norm(prefix + ".norm.weight", source)
            exact = h + self.mixer(prefix + ".mixer", self.s.pattern[i], x, state, branch)
            h = self.act(exact)
        return h

    def embed(self, ids):
        return self.w.array("backbone.embeddings.weight")[np.asarray(ids)]

    def hidden(self, ids, state, branch=False):
        """The hidden states after norm_f [T, H] of rows that continue (or rival at) `state`."""
        h = self.layers(self.embed(ids), state, branch)
        return self.norm("backbone.norm_f.weight", h)

    def logits(self, g):
        return self.product("lm_head", g)

    def draft_hidden(self, g, next_ids, state, branch=False):
        """3.1: g [T, H] and the token after each row to the head's hidden state."""
        e = self.norm("mtp.layers.0.enorm.weight", self.embed(next_ids))
        n = self.norm("mtp.layers.0.hnorm.weight", g)
        a = self.linear("mtp.layers.0.eh_proj", np.concatenate([e, n], -1))
        x = self.norm(MTP + ".norm.weight", a)
        a = self.act(a + self.attention(MTP + ".mixer", x, state, branch))
        x = self.norm(MTP_MOE + ".norm.weight", a)
        a = self.act(a + self.moe(MTP_MOE + ".mixer", x, state))
        return self.norm(MTP_MOE + ".final_layernorm.weight", a)
