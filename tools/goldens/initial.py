"""Random weights of a tiny checkpoint: every tensor on its own seed, in the stored dtype.

A gain multiplies the standard deviation that would give unit output for unit input; `Design.gains`
overrides one by its name in GAINS.
"""

import zlib

import ml_dtypes
import numpy as np

from goldens import numerics
from goldens.calibrate import calibrate
from goldens.weights import Weights

GAINS = {
    "z": 1.0, "x": 1.0, "B": 1.5, "C": 1.5, "dt": 0.5, "conv": 1.0, "out_proj": 1.0,
    "q_proj": 1.7, "k_proj": 1.7, "v_proj": 0.25, "o_proj": 8.0,
    "mlp": 1.0, "gate": 2.5, "bias": 0.15,
    "fc1_latent_proj": 1.0, "fc2_latent_proj": 1.0, "experts": 0.25, "shared_experts": 1.0,
    "lm_head": 1.0,
}

TIME_STEP_MIN = 0.001

# By layer: the size of a norm's output, of the gated norm's, and of a shared expert's product. The
# linears behind divide them out, so that static scales differ widely and results do not.
NORM_SIZES = (1.0, 0.25, 2.0, 4.0, 0.12)
GATED_SIZES = (8.0, 1.0, 3.0, 0.05, 1.0)
SHARED_SIZES = (1.0, 4.0, 1.0, 1.0, 0.08)


def is_loud(ids):
    """Tokens with a larger embedding: roundings in the mixers matter less in their rows."""
    return np.asarray(ids) % 4 == 3


class Initial:
    """Builds the tensors of one design; `tensors` maps release names to stored arrays."""

    def __init__(self, design):
        self.design, self.s = design, design.shape
        self.tensors = {}
        for i, letter in enumerate(self.s.pattern):
            prefix = f"backbone.layers.{i}"
            self.size, self.gated, self.shared = NORM_SIZES[i], GATED_SIZES[i], SHARED_SIZES[i]
            self.vector(prefix + ".norm.weight", self.s.H, self.size)
            self.mixer(prefix + ".mixer", letter, design.quantized and i not in design.bf16_layers)
        self.ends()
        if self.s.mtp:
            self.mtp()

    def gain(self, key):
        return self.design.gains.get(key, GAINS.get(key, 1.0))

    def random(self, name):
        return np.random.default_rng([self.design.seed, zlib.crc32(name.encode())])

    def store(self, name, values, dtype=ml_dtypes.bfloat16):
        self.tensors[name] = np.ascontiguousarray(np.asarray(values, np.float32).astype(dtype))

    def scalar(self, name, value):
        self.tensors[name] = np.full(self.design.scalar_shape, value, np.float32)

    def vector(self, name, size, scale=1.0):
        """A norm's weight: around `scale`, a few channels negative."""
        random = self.random(name)
        values = scale * random.uniform(0.6, 1.4, size)
        self.store(name, values * np.where(random.random(size) < 0.05, -1.0, 1.0))

    def normal(self, name, rows, columns, gain):
        return self.random(name).standard_normal((rows, columns)) * gain / np.sqrt(columns)

    def ends(self):
        s = self.s
        random = self.random("embeddings")
        rows = random.standard_normal((s.V, s.H)) * self.design.embedding
        rows[is_loud(np.arange(s.V))] *= 1.6
        self.store("backbone.embeddings.weight", rows)
        self.vector("backbone.norm_f.weight", s.H)
        self.store("lm_head.weight", self.normal("lm_head", s.V, s.H, self.gain("lm_head")))

    def mixer(self, prefix, letter, quantized):
        if letter == "M":
            self.mamba(prefix, quantized)
        elif letter == "*":
            self.attention(prefix, quantized)
        elif letter == "E":
            self.moe(prefix, quantized)
        else:
            form = "nvfp4" if quantized else "bf16"
            gains = (1 / self.size, self.gain("mlp"))
            self.up_down(prefix, (self.s.H, self.design.F), form, gains)

    def mamba(self, prefix, quantized):
        s = self.s
        form = self.mamba_form() if quantized else "bf16"
        segments = [("z", s.d_in), ("x", s.d_in), ("B", s.G * s.N), ("C", s.G * s.N), ("dt", s.nh)]
        rows = [self.normal(f"{prefix}.in.{key}", n, s.H, self.gain(key) / self.size)
                for key, n in segments]
        self.linear(prefix + ".in_proj", np.concatenate(rows), form)
        random = self.random(prefix + ".conv1d")
        kernel = random.standard_normal((s.channels, 1, 4)) * self.gain("conv") * 0.6
        self.store(prefix + ".conv1d.weight", kernel)
        self.store(prefix + ".conv1d.bias", random.standard_normal(s.channels) * 0.5)
        self.heads(prefix)
        self.vector(prefix + ".norm.weight", s.d_in, self.gated)
        out = self.normal(prefix + ".out", s.H, s.d_in, self.gain("out_proj") / self.gated)
        self.linear(prefix + ".out_proj", out, form)

    def heads(self, prefix):
        """Time steps from below time_step_min to above time_step_max; decays slow and fast."""
        nh, random = self.s.nh, self.random(prefix + ".heads")
        dt_bias = np.linspace(-8.0, 0.5, nh) + random.uniform(-0.2, 0.2, nh)
        values = {
            "dt_bias": dt_bias,
            "A_log": np.linspace(2.5, -2.0, nh) + random.uniform(-0.5, 0.5, nh),
            "D": np.exp(np.linspace(-1.0, 3.5, nh)) * random.choice([-1.0, 1.0], nh),
        }
        for key, value in values.items():
            wide = key in self.design.f32_vectors
            self.store(f"{prefix}.{key}", value, np.float32 if wide else ml_dtypes.bfloat16)

    def attention(self, prefix, quantized):
        s = self.s
        sizes = {"q_proj": (s.Hq * s.D, s.H), "k_proj": (s.Hkv * s.D, s.H),
                 "v_proj": (s.Hkv * s.D, s.H), "o_proj": (s.H, s.Hq * s.D)}
        for key, (rows, columns) in sizes.items():
            name = f"{prefix}.{key}"
            gain = self.gain(key) / (1.0 if key == "o_proj" else self.size)
            self.linear(name, self.normal(name, rows, columns, gain), "bf16")
        if quantized:
            self.scalar(prefix + ".k_proj.k_scale", 1.0)
            self.scalar(prefix + ".v_proj.v_scale", 1.0)

    def moe(self, prefix, quantized):
        s, d = self.s, self.design
        self.store(prefix + ".gate.weight",
                   self.normal(prefix + ".gate", s.E, s.H, self.gain("gate") / self.size))
        steps = np.linspace(-1, 1, s.E)
        bias = self.random(prefix + ".bias").permutation(steps) * self.gain("bias")
        self.store(prefix + ".gate.e_score_correction_bias", bias, np.float32)
        width = s.Z or s.H
        if s.Z:
            for key, rows, columns, size in [("fc1_latent_proj", s.Z, s.H, self.size),
                                             ("fc2_latent_proj", s.H, s.Z, 1.0)]:
                name = f"{prefix}.{key}"
                weight = self.normal(name, rows, columns, self.gain(key) / size)
                self.linear(name, weight, "bf16")
        for e in range(s.E):
            form = "nvfp4" if quantized else "bf16"
            size = 1.0 if s.Z else self.size
            gains = (1 / size, self.gain("experts"))
            self.up_down(f"{prefix}.experts.{e}", (width, d.I), form, gains)
        form = self.mamba_form() if quantized else "bf16"
        gains = (self.shared / self.size, self.gain("shared_experts") / self.shared**2)
        self.up_down(prefix + ".shared_experts", (s.H, d.S), form, gains)

    def mamba_form(self):
        """FP8, or NVFP4 throughout for a checkpoint whose quant_algo is plain NVFP4."""
        return "nvfp4" if self.design.bf16_layers else "fp8"

    def up_down(self, prefix, sizes, form, gains):
        """Two matrices around relu2, whose root mean square on unit normal input is 1.22."""
        width, inner = sizes
        up = self.normal(prefix + ".up", inner, width, gains[0])
        down = self.normal(prefix + ".down", width, inner, gains[1] / 1.22)
        self.linear(prefix + ".up_proj", up, form)
        self.linear(prefix + ".down_proj", down, form)

    def mtp(self):
        s, head = self.s, "mtp.layers"
        self.size, self.shared = 1.0, 1.0
        for name in ["0.enorm", "0.hnorm", "0.norm", "1.norm", "1.final_layernorm"]:
            self.vector(f"{head}.{name}.weight", s.H)
        eh = self.normal(head + ".eh", s.H, 2 * s.H, self.design.embedding * self.gain("eh_proj"))
        self.linear(head + ".0.eh_proj", eh, "bf16")
        self.attention(head + ".0.mixer", False)
        self.moe(head + ".1.mixer", False)

    def linear(self, prefix, weight, form):
        if form == "bf16":
            self.store(prefix + ".weight", weight)
            return
        if form == "fp8":
            codes, scale = numerics.quantize_fp8(weight)
            self.tensors[prefix + ".weight"] = codes
            self.scalar(prefix + ".weight_scale", scale)
        else:
            packed, scales, global_scale = numerics.quantize_nvfp4(weight)
            self.tensors[prefix + ".weight"] = packed
            self.tensors[prefix + ".weight_scale"] = scales
            self.scalar(prefix + ".weight_scale_2", global_scale)
        self.scalar(prefix + ".input_scale", 1.0)

    def calibrated(self, clip):
        """The tensors with measured activation scales; `clip` as in calibrate.py."""
        scales = calibrate(self.s, Weights(self.tensors), clip, self.design.seed)
        for name, value in scales.items():
            self.scalar(name, value)
        return self.tensors
