"""Fake quantization: what weights, activations and caches are after a trip through their stored
formats (NVFP4 experts, FP8 projections, FP8 keys and values), with straight-through gradients.
"""

import torch

E4M3_MAX = 448.0
LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
BOUNDS = (0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0)
BLOCK = 16


def e4m3(x):
    """Nearest e4m3 value of float32 x, clamped to +-448."""
    return x.clamp(-E4M3_MAX, E4M3_MAX).to(torch.float8_e4m3fn).to(x.dtype)


def straight(x, rounded):
    """`rounded` in the forward pass, the gradient of x in the backward pass."""
    return x + (rounded - x).detach()


def fp8_weight(weight):
    """A weight stored as e4m3 with one scale."""
    scale = weight.detach().abs().amax() / E4M3_MAX
    return straight(weight, e4m3(weight / scale) * scale)


def fp8_activation(x, switch):
    """An activation stored as e4m3 with one scale where `switch` (0-dim, 0 or 1) is 1."""
    wide = x.detach().float()
    scale = wide.abs().amax().clamp(min=1e-6) / E4M3_MAX
    error = e4m3(wide / scale) * scale - wide
    return x + (switch * error).to(x.dtype)


def fp8_cache(x, switch):
    """A key or value stored as e4m3 with scale 1 where `switch` is 1."""
    wide = x.detach().float()
    return x + (switch * (e4m3(wide) - wide)).to(x.dtype)


def on_grid(blocks, scales):
    """Blocks [..., 16] rounded to e2m1 times their scale [..., 1]."""
    scaled = (blocks / scales).clamp(-6.0, 6.0)
    bounds = torch.tensor(BOUNDS, device=blocks.device)
    levels = torch.tensor(LEVELS, device=blocks.device)
    nearest = levels[torch.bucketize(scaled.abs().contiguous(), bounds)]
    return torch.copysign(nearest, scaled) * scales


def nvfp4_weight(weight):
    """A weight stored as NVFP4, each block on the better of its 6-grid and its 4-grid."""
    wide = weight.detach().float()
    blocks = wide.reshape(*wide.shape[:-1], -1, BLOCK)
    peak = blocks.abs().amax(-1, keepdim=True)
    second = wide.abs().amax() / (6.0 * 256.0)
    best, error = None, None
    for top in (6.0, 4.0):
        scale = e4m3((peak / (top * second)).clamp(2.0**-9, E4M3_MAX)) * second
        rounded = on_grid(blocks, scale)
        miss = (rounded - blocks).square().sum(-1, keepdim=True)
        best = rounded if best is None else torch.where(miss < error, rounded, best)
        error = miss if error is None else torch.minimum(miss, error)
    return straight(weight, best.reshape(weight.shape).to(weight.dtype))


def form_of(name):
    """The stored form of a weight: nvfp4, fp8 or none, as Ultra's recipe has it."""
    if name.startswith("mtp."):
        return "none"
    if ".experts." in name:
        return "nvfp4"
    if ".shared_experts." in name or name.endswith(("in_proj.weight", "out_proj.weight")):
        return "fp8"
    return "none"
