"""The model of the recipe: every block as a plain function of activations and weights.

Activations are rows of packed documents [R, L, H]. Blocks take their weights as arguments, so that
one compiled form of a block serves all layers of its kind. Names of weights are the checkpoint's,
with the experts of a layer stacked: `mixer.experts.up_proj` [E, I, Z], `.down_proj` [E, Z, I].
"""

import math

import torch
import torch.nn.functional as F

import ssd
from quantize import fp8_activation, fp8_cache

MTP = "mtp.layers.0."
MTP_MOE = "mtp.layers.1."


def rms(x, weight, eps=1e-5):
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * weight.float()).to(x.dtype)


def layer_names(shape):
    """Prefix of every layer of the trunk."""
    return [f"backbone.layers.{i}." for i in range(len(shape.pattern))]


def mamba_shapes(shape):
    return {"norm.weight": (shape.H,), "mixer.in_proj.weight": (shape.in_rows, shape.H),
            "mixer.conv1d.weight": (shape.channels, 1, 4), "mixer.conv1d.bias": (shape.channels,),
            "mixer.A_log": (shape.nh,), "mixer.D": (shape.nh,), "mixer.dt_bias": (shape.nh,),
            "mixer.norm.weight": (shape.d_in,), "mixer.out_proj.weight": (shape.H, shape.d_in)}


def attention_shapes(shape):
    wide, narrow = shape.Hq * shape.D, shape.Hkv * shape.D
    return {"norm.weight": (shape.H,), "mixer.q_proj.weight": (wide, shape.H),
            "mixer.k_proj.weight": (narrow, shape.H), "mixer.v_proj.weight": (narrow, shape.H),
            "mixer.o_proj.weight": (shape.H, wide)}


def moe_shapes(shape):
    return {"norm.weight": (shape.H,), "mixer.gate.weight": (shape.E, shape.H),
            "mixer.gate.e_score_correction_bias": (shape.E,),
            "mixer.fc1_latent_proj.weight": (shape.Z, shape.H),
            "mixer.fc2_latent_proj.weight": (shape.H, shape.Z),
            "mixer.experts.up_proj": (shape.E, shape.I, shape.Z),
            "mixer.experts.down_proj": (shape.E, shape.Z, shape.I),
            "mixer.shared_experts.up_proj.weight": (shape.S, shape.H),
            "mixer.shared_experts.down_proj.weight": (shape.H, shape.S)}


SHAPES = {"M": mamba_shapes, "*": attention_shapes, "E": moe_shapes}


def all_shapes(shape):
    """Every weight by its full name."""
    found = {"backbone.embeddings.weight": (shape.V, shape.H)}
    for prefix, letter in zip(layer_names(shape), shape.pattern):
        found |= {prefix + name: size for name, size in SHAPES[letter](shape).items()}
    found |= {"backbone.norm_f.weight": (shape.H,), "lm_head.weight": (shape.V, shape.H),
              MTP + "enorm.weight": (shape.H,), MTP + "hnorm.weight": (shape.H,),
              MTP + "eh_proj.weight": (shape.H, 2 * shape.H)}
    found |= {MTP + name: size for name, size in attention_shapes(shape).items()}
    found |= {MTP_MOE + name: size for name, size in moe_shapes(shape).items()}
    return found | {MTP_MOE + "final_layernorm.weight": (shape.H,)}


def initial(shape, seed):
    """Seeded float32 weights by name."""
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, size in all_shapes(shape).items():
        if name.endswith("A_log"):
            value = torch.empty(size).uniform_(1, 16, generator=generator).log()
        elif name.endswith("dt_bias"):
            low, high = math.log(1e-3), math.log(0.1)
            dt = torch.empty(size).uniform_(low, high, generator=generator).exp()
            value = dt + torch.log(-torch.expm1(-dt))
        elif name.endswith(("_bias", "conv1d.bias")):
            value = torch.zeros(size)
        elif name.endswith(("mixer.D", "norm.weight", "layernorm.weight", "norm_f.weight")):
            value = torch.ones(size)
        else:
            deviation = 0.3 if "embeddings" in name else 0.7 / math.sqrt(size[-1])
            if name.endswith(("out_proj.weight", "o_proj.weight", "down_proj", "down_proj.weight",
                              "fc2_latent_proj.weight")):
                deviation *= 0.3
            value = torch.empty(size).normal_(0, deviation, generator=generator)
        weights[name] = value
    return weights


def of_layer(weights, prefix, letter, shape):
    """The weights of one layer, in the order of its shapes."""
    return [weights[prefix + name] for name in SHAPES[letter](shape)]


def gated_norm(y, z, weight, groups):
    """RMS norm over each group of y * silu(z)."""
    gated = (y.float() * F.silu(z.float())).unflatten(-1, (groups, -1))
    gated = gated * torch.rsqrt(gated.square().mean(-1, keepdim=True) + 1e-5)
    return (gated.flatten(-2) * weight.float()).to(z.dtype)


def mamba_block(h, segment, w, switch, shape):
    """(h + Mamba-2 mixer, convolution's input, final state). Where segment is negative (padding
    behind a document) dt is zero, so that the state stays what it was."""
    norm, in_proj, kernel, bias, log_a, skip, dt_bias, gate_norm, out_proj = w
    u = fp8_activation(rms(h, norm), switch) @ in_proj.T
    z, xbc, dt = u.split([shape.d_in, shape.channels, shape.nh], -1)
    v = ssd.convolve(xbc, segment, kernel[:, 0], bias)
    x, b, c = v.split([shape.d_in, shape.G * shape.N, shape.G * shape.N], -1)
    dt = F.softplus(dt.float() + dt_bias.float()) * (segment >= 0)[..., None]
    x = x.unflatten(-1, (shape.nh, shape.P))
    parts = (x, dt, b.unflatten(-1, (shape.G, shape.N)), c.unflatten(-1, (shape.G, shape.N)))
    y, state = ssd.scan(parts, log_a, segment.clamp(min=0), shape.chunk)
    y = (y + x * skip[:, None].to(x.dtype)).flatten(-2)
    y = fp8_activation(gated_norm(y, z, gate_norm, shape.G), switch)
    return h + y @ out_proj.T, xbc, state


def heads(x, count):
    """[R, L, count * D] to [R, count, L, D]."""
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def attention_inputs(h, w, switch, shape):
    """q [R, Hq, L, D], k and v [R, Hkv, L, D] of an attention layer."""
    norm, q_proj, k_proj, v_proj, _ = w
    x = rms(h, norm)
    k, v = fp8_cache(x @ k_proj.T, switch), fp8_cache(x @ v_proj.T, switch)
    return heads(x @ q_proj.T, shape.Hq), heads(k, shape.Hkv), heads(v, shape.Hkv)


def attention_output(h, out, o_proj):
    """h + the projection of attention's output [R, Hq, L, D]."""
    return h + out.transpose(1, 2).flatten(-2) @ o_proj.T


def route(x, gate, bias, shape):
    """Weight of every expert [..., E], zero for all but the k chosen ones."""
    scores = torch.sigmoid(x.float() @ gate.float().T)
    ranked = scores.detach() + bias
    least = ranked.topk(shape.k, -1).values[..., -1:]
    chosen = (ranked >= least).float()
    kept = scores * chosen
    return kept / (kept.sum(-1, keepdim=True) + 1e-20) * shape.scaling, chosen


def moe_block(h, w, switch, shape):
    """(h + latent mixture of experts with its shared expert, tokens per expert [E])."""
    norm, gate, bias, fc1, fc2, up, down, shared_up, shared_down = w
    x = rms(h, norm)
    weight, chosen = route(x, gate, bias, shape)
    inner = F.relu((x @ fc1.T) @ up.flatten(0, 1).T).square()
    inner = inner.unflatten(-1, (shape.E, shape.I)) * weight[..., None].to(x.dtype)
    routed = inner.flatten(-2) @ down.transpose(1, 2).flatten(0, 1)
    shared = F.relu(fp8_activation(x, switch) @ shared_up.T).square()
    shared = fp8_activation(shared, switch) @ shared_down.T
    return h + (routed @ fc2.T + shared), chosen.flatten(0, -2).sum(0)


def draft_inputs(g, embedded, own, w, shape):
    """The head's residual a and its q, k, v from hidden g and the next tokens' embeddings."""
    enorm, hnorm, eh_proj = own
    joined = torch.cat([rms(embedded, enorm), rms(g, hnorm)], -1)
    a = joined @ eh_proj.T
    zero = torch.zeros((), device=g.device)
    return (a, *attention_inputs(a, w, zero, shape))


def cross_entropy(hidden, head, targets, weights):
    """(weighted sum of losses, whether each guess is right [T]) over [..., H] hidden states."""
    logits = (hidden @ head.T).float().flatten(0, -2)
    targets = targets.flatten()
    chosen = logits.gather(-1, targets[:, None])[:, 0]
    total = torch.logsumexp(logits, -1)
    weights = weights.flatten()
    right = chosen.detach() >= logits.detach().amax(-1)
    return ((total - chosen) * weights).sum(), right
