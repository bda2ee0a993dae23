"""Mamba-2's state space scan in matrix form, and its convolution, over rows of packed documents.

Rows are [R, L]; `segment` [R, L] numbers the documents of a row. Nothing flows from one document
into the next: the convolution's taps, the products within a chunk and the carried states are
masked. Chunks have `Q` tokens; sums of log decays and carried states are float32.
"""

import torch
import torch.nn.functional as F


def convolve(x, segment, weight, bias):
    """Depthwise causal convolution of width 4 over x [R, L, C], then SiLU."""
    length = x.shape[1]
    total = x * weight[:, 3] + bias
    for back in (1, 2, 3):
        moved = F.pad(x, (0, 0, back, 0))[:, :length]
        same = F.pad(segment, (back, 0), value=-1)[:, :length] == segment
        total = total + moved * same[..., None].to(x.dtype) * weight[:, 3 - back]
    return F.silu(total)


def within_chunks(x, dt, sums, operands):
    """What tokens of a chunk give each other: [c, G, h, Q, P] from x [c, Q, G, h, P]."""
    b, c, segment = operands
    span = x.shape[1]
    products = torch.einsum("ctgn,csgn->cgts", c, b)
    causal = torch.ones(span, span, dtype=torch.bool, device=x.device).tril()
    seen = (segment[:, :, None] == segment[:, None, :]) & causal
    difference = sums[..., :, None] - sums[..., None, :]           # [c, G, h, t, s]
    decay = difference.masked_fill(~seen[:, None, None], float("-inf")).exp()
    mixed = products[:, :, None].float() * decay * dt.permute(0, 2, 3, 1)[..., None, :]
    return mixed.to(x.dtype) @ x.permute(0, 2, 3, 1, 4)


def carried(states, totals, ends):
    """State after each chunk [R, n, heads, P*N] from the chunks' own states and log decays."""
    running = totals.cumsum(1).transpose(1, 2)                      # [R, heads, n]
    count = running.shape[-1]
    causal = torch.ones(count, count, dtype=torch.bool, device=states.device).tril()
    seen = (ends[:, :, None] == ends[:, None, :]) & causal
    difference = running[..., :, None] - running[..., None, :]
    decay = difference.masked_fill(~seen[:, None], float("-inf")).exp()
    return (decay @ states.transpose(1, 2)).transpose(1, 2)


def scan(inputs, log_a, segment, span):
    """(y [R, L, heads, P], state after the row [R, heads, P, N]).

    `inputs` are x [R, L, heads, P], dt [R, L, heads] float32 after softplus (0 for padding), and
    b, c [R, L, G, N]. The skip term D x is not included.
    """
    x, dt, b, c = inputs
    rows, length, heads, width = x.shape
    groups, size = b.shape[2:]
    each, chunks = heads // groups, length // span
    x = x.reshape(rows * chunks, span, groups, each, width)
    dt = dt.reshape(rows * chunks, span, groups, each)
    b = b.reshape(rows * chunks, span, groups, size)
    c = c.reshape(rows * chunks, span, groups, size)
    part = segment.reshape(rows * chunks, span)
    rate = -log_a.float().exp().view(groups, each)
    sums = (dt * rate).cumsum(1).permute(0, 2, 3, 1)                # [c, G, h, Q]
    y = within_chunks(x, dt, sums, (b, c, part)).permute(0, 3, 1, 2, 4)

    ends = part[:, -1]
    kept = (part == ends[:, None])[:, :, None, None]
    weight = (sums[..., -1:] - sums).exp().permute(0, 3, 1, 2) * dt * kept
    left = (x * weight[..., None].to(x.dtype)).reshape(-1, span, groups, each * width)
    states = left.permute(0, 2, 3, 1) @ b.permute(0, 2, 1, 3)       # [c, G, h*P, N]
    states = states.float().reshape(rows, chunks, heads, width * size)
    totals = sums[..., -1].reshape(rows, chunks, heads)
    after = carried(states, totals, ends.view(rows, chunks))

    before = F.pad(after, (0, 0, 0, 0, 1, 0))[:, :chunks]
    last = F.pad(ends.view(rows, chunks), (1, 0), value=-1)[:, :chunks].reshape(-1, 1)
    before = before.reshape(-1, groups, each * width, size).to(x.dtype)
    entering = c.permute(0, 2, 1, 3) @ before.transpose(-1, -2)     # [c, G, Q, h*P]
    entering = entering.reshape(-1, groups, span, each, width).permute(0, 2, 1, 3, 4)
    reach = sums.exp().permute(0, 3, 1, 2) * (part == last)[:, :, None, None]
    y = y + entering * reach[..., None].to(x.dtype)
    return (y.reshape(rows, length, heads, width),
            after[:, -1].reshape(rows, heads, width, size))
