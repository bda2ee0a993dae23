"""Batched greedy decoding in PyTorch: a prompt pass, then one token at a time from kept state.

Prompts are padded on the right to a multiple of the chunk; padded tokens have dt 0, so the scan's
final state is that after the last real token.
"""

import torch
import torch.nn.functional as F

import model

IM_END = 11


class Decoder:
    """Weights, and the states of one batch of sequences."""

    def __init__(self, weights, shape, device, dtype):
        self.weights = {name: value.to(device, torch.float32 if name.endswith("correction_bias")
                                       else dtype) for name, value in weights.items()}
        self.shape, self.device, self.dtype = shape, device, dtype
        self.switch = torch.zeros((), device=device)

    def start(self, prompts, extra):
        """Runs the prompts (lists of ids); keeps room for `extra` tokens. Returns logits [B, V]."""
        lengths = torch.tensor([len(ids) for ids in prompts], device=self.device)
        length = -(-int(lengths.max()) // self.shape.chunk) * self.shape.chunk
        ids = torch.zeros(len(prompts), length, dtype=torch.long)
        for row, prompt in enumerate(prompts):
            ids[row, :len(prompt)] = torch.tensor(prompt)
        ids = ids.to(self.device)
        place = torch.arange(length, device=self.device)
        segment = torch.where(place < lengths[:, None], 0, -1).int()
        self.lengths, self.room = lengths, length + extra
        self.caches = {}
        h = self.weights["backbone.embeddings.weight"][ids]
        for prefix, letter in zip(model.layer_names(self.shape), self.shape.pattern):
            w = model.of_layer(self.weights, prefix, letter, self.shape)
            h = getattr(self, {"M": "mamba", "*": "attend", "E": "mix"}[letter])(
                prefix, h, w, segment)
        last = h[torch.arange(len(prompts), device=self.device), lengths - 1]
        return self.head(last)

    def head(self, h):
        h = model.rms(h, self.weights["backbone.norm_f.weight"])
        return (h @ self.weights["lm_head.weight"].T).float()

    def mamba(self, prefix, h, w, segment):
        out, xbc, state = model.mamba_block(h, segment, w, self.switch, self.shape)
        back = self.lengths[:, None] - 3 + torch.arange(3, device=self.device)
        rows = torch.arange(len(h), device=self.device)[:, None]
        tail = xbc[rows, back.clamp(min=0)] * (back >= 0)[..., None].to(xbc.dtype)
        self.caches[prefix] = [tail, state]
        return out

    def attend(self, prefix, h, w, _):
        q, k, v = model.attention_inputs(h, w, self.switch, self.shape)
        rows, count, length, width = k.shape
        keys = k.new_zeros(rows, count, self.room, width)
        values = torch.zeros_like(keys)
        keys[:, :, :length], values[:, :, :length] = k, v
        self.caches[prefix] = [keys, values]
        each = self.shape.Hq // self.shape.Hkv
        out = F.scaled_dot_product_attention(q, k.repeat_interleave(each, 1),
                                             v.repeat_interleave(each, 1), is_causal=True)
        return model.attention_output(h, out, w[-1])

    def mix(self, _, h, w, __):
        return model.moe_block(h, w, self.switch, self.shape)[0]

    def step(self, tokens):
        """Adds one token to every sequence; returns logits [B, V]."""
        h = self.weights["backbone.embeddings.weight"][tokens]
        for prefix, letter in zip(model.layer_names(self.shape), self.shape.pattern):
            w = model.of_layer(self.weights, prefix, letter, self.shape)
            if letter == "M":
                h = self.mamba_step(prefix, h, w)
            elif letter == "*":
                h = self.attend_step(prefix, h, w)
            else:
                h = model.moe_block(h, w, self.switch, self.shape)[0]
        self.lengths = self.lengths + 1
        return self.head(h)

    def mamba_step(self, prefix, h, w):
        s = self.shape
        norm, in_proj, kernel, bias, log_a, skip, dt_bias, gate_norm, out_proj = w
        tail, state = self.caches[prefix]
        z, xbc, dt = (model.rms(h, norm) @ in_proj.T).split([s.d_in, s.channels, s.nh], -1)
        window = torch.cat([tail, xbc[:, None]], 1)
        v = F.silu((window * kernel[:, 0].T).sum(1) + bias)
        x, b, c = v.float().split([s.d_in, s.G * s.N, s.G * s.N], -1)
        x = x.unflatten(-1, (s.nh, s.P))
        b = b.unflatten(-1, (s.G, s.N)).repeat_interleave(s.nh // s.G, 1)
        c = c.unflatten(-1, (s.G, s.N)).repeat_interleave(s.nh // s.G, 1)
        dt = F.softplus(dt.float() + dt_bias.float())
        decay = (dt * -log_a.float().exp())[..., None, None].exp()
        state.mul_(decay).add_((dt[..., None] * x)[..., None] * b[:, :, None])
        y = (state @ c[..., None])[..., 0] + x * skip.float()[:, None]
        self.caches[prefix][0] = window[:, 1:]
        y = model.gated_norm(y.to(h.dtype).flatten(-2), z, gate_norm, s.G)
        return h + y @ out_proj.T

    def attend_step(self, prefix, h, w):
        q, k, v = model.attention_inputs(h[:, None], w, self.switch, self.shape)
        keys, values = self.caches[prefix]
        rows = torch.arange(len(h), device=self.device)
        keys[rows, :, self.lengths], values[rows, :, self.lengths] = k[:, :, 0], v[:, :, 0]
        seen = torch.arange(self.room, device=self.device) <= self.lengths[:, None]
        group = q.unflatten(1, (self.shape.Hkv, -1))[:, :, :, 0]       # [B, Hkv, each, D]
        out = F.scaled_dot_product_attention(group, keys, values,
                                             attn_mask=seen[:, None, None])
        return model.attention_output(h[:, None], out.flatten(1, 2)[:, :, None], w[-1])[:, 0]


@torch.no_grad()
def greedy(decoder, prompts, limit):
    """Greedy continuations (lists of ids, the end of turn included) of at most `limit` tokens."""
    tokens = decoder.start(prompts, limit).argmax(-1)
    done = torch.zeros_like(tokens, dtype=torch.bool)
    found = []
    for number in range(limit):
        found.append(torch.where(done, 0, tokens))
        done |= (tokens == IM_END) | (tokens == 2)
        if number == limit - 1 or (number % 8 == 7 and bool(done.all())):
            break
        tokens = decoder.step(tokens).argmax(-1)
    rows = torch.stack(found, 1).cpu().tolist()
    return [cut(row) for row in rows]


def cut(row):
    """A row up to its end of turn."""
    for place, token in enumerate(row):
        if token in (2, IM_END):
            return row[:place + 1]
    return row
