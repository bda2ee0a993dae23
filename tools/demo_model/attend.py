"""Causal attention within packed documents: FlexAttention on a GPU, plain products elsewhere.

Both return the log-sum-exp beside the output, because a draft step adds keys of its own to those
of the sequence (see drafts.py).
"""

import torch
from torch.nn.attention.flex_attention import AuxRequest, BlockMask, flex_attention

BLOCK = 128


class Attend:
    """Attention of one batch shape. `start` tells it the documents of the next batch."""

    def __init__(self, rows, length, device):
        self.segment = torch.zeros(rows, length, dtype=torch.int32, device=device)
        self.fast = torch.device(device).type == "cuda"
        self.mask = None
        self.core = torch.compile(flex_attention, dynamic=False) if self.fast else None

        segment = self.segment

        def visible(row, _, query, key):
            return (query >= key) & (segment[row, query] == segment[row, key])
        self.visible = visible

    def start(self, segment):
        """`segment` [R, L] numbers documents in ascending order along each row."""
        self.segment.copy_(segment)
        if self.fast:
            self.mask = self.blocks()

    def blocks(self):
        """The block mask, from the first and last document of every block of 128."""
        parts = self.segment.unflatten(1, (-1, BLOCK))
        low, high = parts.amin(-1), parts.amax(-1)
        count = low.shape[1]
        order = torch.arange(count, device=low.device)
        below, same = order[:, None] > order[None, :], order[:, None] == order[None, :]
        touched = high[:, None, :] >= low[:, :, None]
        whole = below & (low[:, None, :] == high[:, :, None])
        partial = (below & touched & ~whole) | same
        (some, some_at), (all_, all_at) = self.listed(partial), self.listed(whole)
        return BlockMask.from_kv_blocks(some, some_at, all_, all_at, BLOCK_SIZE=BLOCK,
                                        mask_mod=self.visible)

    @staticmethod
    def listed(flags):
        """(number, indices) of the marked blocks of each query block, marked ones first."""
        order = torch.argsort(flags.int(), dim=-1, descending=True, stable=True).int()
        return flags.sum(-1, dtype=torch.int32)[:, None], order[:, None].contiguous()

    def __call__(self, q, k, v):
        """(out [R, Hq, L, D], log-sum-exp [R, Hq, L] float32)."""
        if self.fast:
            out, aux = self.core(q, k, v, block_mask=self.mask, enable_gqa=True,
                                 return_aux=AuxRequest(lse=True))
            return out, aux.lse
        each = q.shape[1] // k.shape[1]
        k, v = k.repeat_interleave(each, 1), v.repeat_interleave(each, 1)
        scores = (q @ k.transpose(-1, -2)).float() / q.shape[-1] ** 0.5
        length = q.shape[2]
        causal = torch.ones(length, length, dtype=torch.bool, device=q.device).tril()
        seen = causal & (self.segment[:, :, None] == self.segment[:, None, :])
        scores = scores.masked_fill(~seen[:, None], float("-inf"))
        return scores.softmax(-1).to(v.dtype) @ v, torch.logsumexp(scores, -1)


def with_own(out, lse, query, extra):
    """Attention over the sequence's keys joined with `extra`, (key, value) pairs [R, Hkv, L, D]
    that each query sees at its own place only."""
    each = query.shape[1] // extra[0][0].shape[1]
    scores, values = [lse], [out.float()]
    for key, value in extra:
        key, value = key.repeat_interleave(each, 1), value.repeat_interleave(each, 1)
        scores.append((query.float() * key.float()).sum(-1) / query.shape[-1] ** 0.5)
        values.append(value.float())
    weight = torch.stack(scores, -1).softmax(-1)
    total = sum(weight[..., i, None] * value for i, value in enumerate(values))
    return total.to(out.dtype)
