"""Reads a checkpoint folder back into float64 weights, as any reader of the release must."""

import dataclasses
import json
import pathlib

import ml_dtypes
import numpy as np

from goldens import numerics

DTYPES = {"BF16": ml_dtypes.bfloat16, "F32": np.float32, "F8_E4M3": ml_dtypes.float8_e4m3fn,
          "U8": np.uint8, "I32": np.int32}


def read_safetensors(path):
    """All tensors of one file by name; `safetensors` itself does not give numpy FP8 arrays."""
    data = pathlib.Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[start + entry["data_offsets"][0]:
                                     start + entry["data_offsets"][1]],
                                DTYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}


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
            return Weights(read_safetensors(folder / "model.safetensors"))
        tensors = {}
        for file in set(json.loads(index.read_text())["weight_map"].values()):
            tensors |= read_safetensors(folder / file)
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
