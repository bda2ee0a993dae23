"""Reads a quantized checkpoint's files by itself and compares with what Dakkar makes of them.

    python check_quantized.py --dakkar build/release/dakkar
        [--original models/demo] [--quantized models/demo-nvfp4]

Decodes NVFP4 and FP8 from the raw bytes with numpy, tensor by tensor, and wants the same float32
bits as `dakkar inspect --matrix NAME --npy FILE`. Then it looks at the original: scales are those
of the format, no block of 16 is further from its values than plain scaling to 6 would put it, and
what the recipe leaves alone is unchanged. Imports neither torch nor safetensors nor Dakkar.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
BORDERS = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5], np.float32)
UPWARDS = [False, True, False, True, False, True, False]  # ties go to the even code
BLOCK = 16


def e4m3_table():
    """The 256 values of e4m3fn, by the definition of the format."""
    values = []
    for code in range(256):
        exponent, mantissa = code >> 3 & 15, code & 7
        size = (mantissa / 8 * 2.0 ** -6 if exponent == 0
                else (1 + mantissa / 8) * 2.0 ** (exponent - 7))
        size = float("nan") if code & 127 == 127 else size
        values.append(-size if code & 128 else size)
    return np.array(values, np.float32)


E4M3 = e4m3_table()


class Folder:
    """The tensors of a checkpoint folder, read from the bytes of its safetensors files."""

    def __init__(self, path):
        self.places = {}
        for file in sorted(pathlib.Path(path).glob("*.safetensors")):
            data = file.read_bytes()
            length = struct.unpack("<Q", data[:8])[0]
            for name, entry in json.loads(data[8:8 + length]).items():
                if name != "__metadata__":
                    begin, end = entry["data_offsets"]
                    self.places[name] = (entry, data[8 + length + begin:8 + length + end])

    def raw(self, name):
        """(dtype as spelled, array of codes or floats)."""
        entry, data = self.places[name]
        kinds = {"F32": np.float32, "BF16": np.uint16, "U8": np.uint8, "F8_E4M3": np.uint8}
        return entry["dtype"], np.frombuffer(data, kinds[entry["dtype"]]).reshape(entry["shape"])

    def floats(self, name):
        """A tensor that is not quantized, as float32."""
        dtype, array = self.raw(name)
        assert dtype in ("F32", "BF16"), (name, dtype)
        return array if dtype == "F32" else (array.astype(np.uint32) << 16).view(np.float32)

    def linears(self):
        """Names without .weight of all matrices."""
        return [name[:-7] for name, (entry, _) in self.places.items()
                if name.endswith(".weight") and len(entry["shape"]) == 2]

    def decoded(self, module):
        """(format, float32 matrix) of a linear."""
        dtype, codes = self.raw(module + ".weight")
        if dtype == "U8":
            scales = E4M3[self.raw(module + ".weight_scale")[1]]
            return "nvfp4", decode_nvfp4(codes, scales, self.floats(module + ".weight_scale_2"))
        if dtype == "F8_E4M3":
            return "fp8", E4M3[codes] * self.floats(module + ".weight_scale")
        return "bf16", self.floats(module + ".weight")


def decode_nvfp4(pairs, scales, scale):
    """[N, K / 2] bytes, [N, K / 16] block scales and one scale to [N, K]."""
    codes = np.stack([pairs & 15, pairs >> 4], -1).reshape(pairs.shape[0], -1)
    values = np.where(codes & 8, -E2M1[codes & 7], E2M1[codes & 7])
    return values * np.repeat(scales, BLOCK, 1) * np.float32(scale)


def nearest_e4m3(x):
    """Codes' values next to x >= 0; of two equally near ones the even code's."""
    table = E4M3[:127]
    above = np.clip(np.searchsorted(table, x), 1, 126)
    low, high = table[above - 1], table[above]
    take_high = (high - x < x - low) | ((high - x == x - low) & (above % 2 == 0))
    return np.where(take_high, high, low)


def plain_errors(original, scale):
    """Squared error of each block when its largest value becomes 6."""
    blocks = original.reshape(original.shape[0], -1, BLOCK)
    peak = np.abs(blocks).max(-1, keepdims=True)
    step = nearest_e4m3(np.clip(peak / (np.float32(6) * scale), 2.0 ** -9, 448))
    size = np.abs(blocks) / (step * scale)
    code = sum((size >= border if upwards else size > border).astype(int)
               for border, upwards in zip(BORDERS, UPWARDS))
    return np.square(np.abs(blocks).astype(np.float64) - E2M1[code] * step * scale).sum(-1)


def check_scales(module, original, folder, form):
    """What the format says about the scales of one linear; returns relative squared error."""
    amax = np.abs(original).max()
    decoded = folder.decoded(module)[1].astype(np.float64)
    missed = np.square(original - decoded)
    assert folder.floats(module + ".input_scale") > 0, module
    if form == "fp8":
        assert folder.floats(module + ".weight_scale") == np.float32(amax / np.float32(448)), module
    else:
        scale = folder.floats(module + ".weight_scale_2")
        assert scale == np.float32(amax / np.float32(6 * 256)), module
        own = missed.reshape(original.shape[0], -1, BLOCK).sum(-1)
        assert (own <= plain_errors(original, scale) * (1 + 1e-12)).all(), module
    return missed.sum() / np.square(original.astype(np.float64)).sum()


def dakkar_matrix(dakkar, folder, module, scratch):
    """What `dakkar inspect` decodes."""
    subprocess.run([dakkar, "inspect", folder, "--matrix", module, "--npy", scratch], check=True,
                   stdout=subprocess.DEVNULL)
    return np.load(scratch)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dakkar", required=True)
    parser.add_argument("--original", default="models/demo")
    parser.add_argument("--quantized", default="models/demo-nvfp4")
    parser.add_argument("--every", type=int, default=1, help="look at every n-th matrix only")
    options = parser.parse_args()
    original, quantized = Folder(options.original), Folder(options.quantized)
    errors = {"nvfp4": [], "fp8": [], "bf16": []}
    with tempfile.TemporaryDirectory() as scratch:
        for module in quantized.linears()[::options.every]:
            form, own = quantized.decoded(module)
            theirs = dakkar_matrix(options.dakkar, options.quantized, module, scratch + "/m.npy")
            assert own.dtype == theirs.dtype and own.tobytes() == theirs.tobytes(), module
            wanted = original.floats(module + ".weight")
            if form == "bf16":
                assert (own == wanted).all(), module
                errors[form].append(0.0)
            else:
                errors[form].append(check_scales(module, wanted, quantized, form))
    for form, found in errors.items():
        assert found, f"no {form} matrix in {options.quantized}"
        print(f"{form}: {len(found)} matrices, RMS error {100 * np.sqrt(np.mean(found)):.2f} %")


if __name__ == "__main__":
    sys.exit(main())
