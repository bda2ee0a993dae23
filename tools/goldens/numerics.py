"""Number formats of the releases: bf16, e4m3, e2m1, and the two quantized weight layouts.

Every function takes and returns float64 values that lie on the named format's grid, unless it says
that it returns stored codes. Source of the layouts: model.md sections 4.1, 4.3 and 4.4.
"""

import ml_dtypes
import numpy as np

E4M3_MAX = 448.0
E2M1_MAX = 6.0
BLOCK = 16


def round_bf16(x):
    """Rounds to the nearest bf16, ties to even."""
    return np.asarray(x, np.float32).astype(ml_dtypes.bfloat16).astype(np.float64)


def e4m3_codes(x):
    """Clamps to +-448 and rounds to e4m3, ties to even; returns the stored array."""
    clamped = np.clip(np.asarray(x, np.float32), -E4M3_MAX, E4M3_MAX)
    return clamped.astype(ml_dtypes.float8_e4m3fn)


def round_e4m3(x):
    """Clamps to +-448 and rounds to e4m3, ties to even."""
    return e4m3_codes(x).astype(np.float64)


def store_e4m3(x, scale):
    """What a value is after a trip through an FP8 store: e4m3(x / scale) * scale."""
    scale = np.float32(scale)
    return round_e4m3(np.asarray(x, np.float32) / scale) * np.float64(scale)


def quantize_fp8(weight):
    """Returns (codes e4m3 [N, K], weight_scale f32): w = codes * weight_scale."""
    scale = np.float32(np.abs(weight).max() / E4M3_MAX)
    return e4m3_codes(weight / scale), scale


def dequantize_fp8(codes, scale):
    return codes.astype(np.float64) * np.float64(scale)


def quantize_nvfp4(weight):
    """Returns (packed uint8 [N, K/2], block scales e4m3 [N, K/16], weight_scale_2 f32)."""
    rows, columns = weight.shape
    blocks = weight.reshape(rows, columns // BLOCK, BLOCK)
    amax = np.abs(blocks).max(-1)
    global_scale = np.float32(amax.max() / (E2M1_MAX * E4M3_MAX))
    scales = np.clip(amax / (E2M1_MAX * np.float64(global_scale)), 2.0**-9, E4M3_MAX)
    scales = e4m3_codes(np.where(amax == 0, 1.0, scales))
    scaled = blocks / (scales.astype(np.float64)[..., None] * np.float64(global_scale))
    scaled = np.clip(scaled, -E2M1_MAX, E2M1_MAX).astype(np.float32)
    nibbles = scaled.astype(ml_dtypes.float4_e2m1fn).view(np.uint8).reshape(rows, columns) & 0xF
    packed = nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)
    return packed.astype(np.uint8), scales, global_scale


def dequantize_nvfp4(packed, scales, global_scale):
    grid = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    grid = np.concatenate([grid, -grid])
    rows = packed.shape[0]
    values = np.empty((rows, packed.shape[1] * 2))
    values[:, 0::2] = grid[packed & 0xF]
    values[:, 1::2] = grid[packed >> 4]
    blocks = values.reshape(rows, -1, BLOCK) * scales.astype(np.float64)[..., None]
    return blocks.reshape(rows, -1) * np.float64(global_scale)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def softplus(x):
    return np.logaddexp(0.0, x)
