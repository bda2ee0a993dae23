"""Reads a checkpoint folder back into float64 weights, as any reader of the release must."""

import dataclasses
import json
import pathlib

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

from goldens import numerics


@dataclasses.dataclass
class Linear:
    """A linear map: `weight` [N, K] dequantized; `input_scale` only where activations are FP8."""

    weight: np.ndarray
    input_scale: float | None = None


class Weights:
    """Tensors of one checkpoint by name; quantized linears are dequantized on first use."""

    def __init__(self, tensors):
        self.tensors = tensors
        self._linears = {}
        self._vectors = {}

    @staticmethod
    def read(folder):
        folder = pathlib.Path(folder)
        index = folder / "model.safetensors.index.json"
        if not index.exists():
            return Weights(load_file(folder / "model.safetensors"))
        tensors = {}
        for name, file in json.loads(index.read_text())["weight_map"].items():
            with safe_open(folder / file, "np") as shard:
                tensors[name] = shard.get_tensor(name)
        return Weights(tensors)

    def has(self, name):
        return name in self.tensors

    def scalar(self, name, default=None):
        if name not in self.tensors:
            return default
        return float(np.asarray(self.tensors[name]).reshape(-1)[0])

    def array(self, name):
        if name not in self._vectors:
            self._vectors[name] = self.tensors[name].astype(np.float64)
        return self._vectors[name]

    def linear(self, prefix):
        """The linear whose tensors are `prefix`.weight, .weight_scale and so on."""
        if prefix not in self._linears:
            self._linears[prefix] = self._decode(prefix)
        return self._linears[prefix]

    def _decode(self, prefix):
        stored = self.tensors[prefix + ".weight"]
        scale = prefix + ".weight_scale"
        if stored.dtype == np.uint8:
            global_scale = self.scalar(prefix + ".weight_scale_2")
            return Linear(numerics.dequantize_nvfp4(stored, self.tensors[scale], global_scale))
        if scale in self.tensors:
            return Linear(numerics.dequantize_fp8(stored, self.scalar(scale)),
                          self.scalar(prefix + ".input_scale"))
        return Linear(stored.astype(np.float64))

    def linear_prefixes(self):
        """Names of all matrices that are applied as linears."""
        skip = ("conv1d.weight", "norm.weight", "embeddings.weight", "layernorm.weight",
                "norm_f.weight")
        return sorted(name[:-len(".weight")] for name in self.tensors
                      if name.endswith(".weight") and not name.endswith(skip))

    def copy_with(self, arrays=None, linears=None, scalars=None):
        """A view in which some dequantized arrays, linears or scalar tensors are replaced."""
        view = Weights(self.tensors if not scalars else {**self.tensors, **scalars})
        view._linears = {**self._linears, **(linears or {})}
        view._vectors = {**self._vectors, **(arrays or {})}
        return view
