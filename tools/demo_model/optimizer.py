"""Muon for the matrices of the blocks, AdamW for embeddings, head, vectors and the router."""

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonal(matrices):
    """Newton-Schulz iteration towards the nearest orthogonal matrices of a batch [B, m, n]."""
    a, b, c = COEFFICIENTS
    x = matrices.to(torch.bfloat16)
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True).to(x.dtype) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).float()


def is_matrix(name, value):
    """Whether Muon moves this weight."""
    apart = ("embeddings", "lm_head", "conv1d", "gate.weight")
    return value.ndim >= 2 and not any(word in name for word in apart)


class Optimizer:
    """Both rules over named float32 weights; matrices of one shape are moved as one batch."""

    def __init__(self, weights, muon_rate=0.02, adam_rate=0.004):
        self.muon_rate, self.momentum = muon_rate, 0.95
        self.groups, plain, head = {}, [], []
        for name, value in weights.items():
            if not value.requires_grad:
                continue
            if is_matrix(name, value):
                self.groups.setdefault(tuple(value.shape[-2:]), []).append(value)
            elif name.startswith("lm_head"):
                head.append(value)
            else:
                plain.append(value)
        self.buffers = {size: [torch.zeros_like(v) for v in values]
                        for size, values in self.groups.items()}
        self.adam = torch.optim.AdamW(
            [{"params": plain, "lr": adam_rate}, {"params": head, "lr": adam_rate / 2}],
            betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, fused=plain[0].is_cuda)
        self.adam_rates = [group["lr"] for group in self.adam.param_groups]

    @torch.no_grad()
    def step(self, factor):
        """One step with both rates times `factor`; clears the gradients."""
        for size, group in self.groups.items():
            pairs = [(value, buffer) for value, buffer in zip(group, self.buffers[size])
                     if value.grad is not None]
            if not pairs:
                continue
            values, buffers = zip(*pairs)
            grads = [value.grad for value in values]
            torch._foreach_lerp_(buffers, grads, 1 - self.momentum)
            torch._foreach_lerp_(grads, buffers, self.momentum)
            moved = orthogonal(torch.cat([grad.reshape(-1, *size) for grad in grads]))
            rate = self.muon_rate * factor * max(1, size[0] / size[1]) ** 0.5
            counts = [value.numel() // (size[0] * size[1]) for value in values]
            steps = [part.reshape(value.shape)
                     for part, value in zip(moved.split(counts), values)]
            torch._foreach_mul_(values, 1 - rate * 0.02)
            torch._foreach_add_(values, steps, alpha=-rate)
        for group, rate in zip(self.adam.param_groups, self.adam_rates):
            group["lr"] = rate * factor
        self.adam.step()
        for values in self.groups.values():
            for value in values:
                value.grad = None
        self.adam.zero_grad(set_to_none=True)
