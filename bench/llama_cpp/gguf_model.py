"""Writes the model as a GGUF file of random weights, for llama.cpp's nemotron_h_moe."""

import gguf
import numpy as np

import nano8

Type = gguf.GGMLQuantizationType
# Formats by part. "same": the bytes of the NVFP4 checkpoint as near as llama.cpp has them;
# "best": the formats that llama.cpp runs fastest.
FORMATS = {
    "same": {"experts": Type.NVFP4, "head": Type.BF16, "attention": Type.BF16, "rest": Type.Q8_0},
    "best": {"experts": Type.Q4_0, "head": Type.Q8_0, "attention": Type.Q8_0, "rest": Type.Q8_0},
}


def random_blocks(random, kind, rows, columns):
    """Raw bytes [rows, bytes of a row] of plausible values, without quantizing anything."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (rows, columns // block, size), dtype=np.uint8)
    if kind == Type.BF16:
        # One element a block: magnitudes from 2^-9 to 2^-2.
        words = blocks.view(np.uint16)
        words &= np.uint16(0x83FF)
        words |= np.uint16(0x3B00)
    elif kind == Type.NVFP4:
        # Four e4m3 block scales from 2^-6 on.
        blocks[..., :4] = 0x08 | (blocks[..., :4] & 0x07)
    elif kind in (Type.Q8_0, Type.Q4_0):
        scale = 0.02 / 127 if kind == Type.Q8_0 else 0.02 / 8
        blocks[..., :2] = np.array([scale], dtype=np.float16).view(np.uint8)
    else:
        raise ValueError(f"no random blocks for {kind.name}")
    return blocks.reshape(rows, -1)


class Writer:
    """Adds tensors by their GGUF names; shapes are [rows, columns] as in checkpoints."""

    def __init__(self, path, formats, seed=1):
        self.out = gguf.GGUFWriter(path, "nemotron_h_moe")
        self.formats = formats
        self.random = np.random.default_rng(seed)
        self.bytes = 0

    def matrix(self, name, part, rows, columns, experts=None):
        kind = self.formats[part]
        shape = (rows if experts is None else experts * rows, columns)
        raw = random_blocks(self.random, kind, *shape)
        if experts is not None:
            raw = raw.reshape(experts, rows, -1)
        self.bytes += raw.nbytes
        self.out.add_tensor(name, raw, raw_dtype=kind)

    def vector(self, name, values):
        self.out.add_tensor(name, np.asarray(values, dtype=np.float32))

    def uniform(self, name, shape, low, high):
        self.vector(name, self.random.uniform(low, high, shape))


def add_metadata(out):
    layers = nano8.PATTERN
    out.add_block_count(len(layers))
    out.add_context_length(nano8.MAX_POSITIONS)
    out.add_embedding_length(nano8.HIDDEN)
    out.add_vocab_size(nano8.VOCAB)
    out.add_tokenizer_model("none")
    out.add_layer_norm_eps(nano8.EPS)
    out.add_layer_norm_rms_eps(nano8.EPS)
    out.add_head_count(nano8.QUERY_HEADS)
    out.add_head_count_kv([nano8.KV_HEADS if kind == "*" else 0 for kind in layers])
    out.add_key_length(nano8.HEAD_DIM)
    out.add_value_length(nano8.HEAD_DIM)
    out.add_rope_dimension_count(nano8.HEAD_DIM)
    out.add_feed_forward_length([nano8.EXPERT_WIDTH if kind == "E" else 0 for kind in layers])
    out.add_expert_feed_forward_length(nano8.EXPERT_WIDTH)
    out.add_expert_shared_feed_forward_length(nano8.SHARED_WIDTH)
    out.add_expert_count(nano8.EXPERTS)
    out.add_expert_used_count(nano8.CHOSEN)
    out.add_expert_shared_count(1)
    out.add_expert_weights_norm(True)
    out.add_expert_weights_scale(nano8.SCALING)
    out.add_expert_group_count(1)
    out.add_ssm_conv_kernel(nano8.CONV)
    out.add_ssm_inner_size(nano8.INNER)
    out.add_ssm_state_size(nano8.STATE)
    out.add_ssm_time_step_rank(nano8.MAMBA_HEADS)
    out.add_ssm_group_count(nano8.GROUPS)


def add_mamba(writer, block):
    heads = nano8.MAMBA_HEADS
    writer.matrix(f"{block}.ssm_in.weight", "rest", nano8.IN_PROJ, nano8.HIDDEN)
    writer.uniform(f"{block}.ssm_conv1d.weight", (nano8.CHANNELS, nano8.CONV), -0.5, 0.5)
    writer.uniform(f"{block}.ssm_conv1d.bias", nano8.CHANNELS, -0.1, 0.1)
    writer.uniform(f"{block}.ssm_dt.bias", heads, -4.0, -2.0)
    writer.uniform(f"{block}.ssm_a", (heads, 1), -1.5, -0.5)
    writer.uniform(f"{block}.ssm_d", (heads, 1), 0.5, 1.5)
    writer.vector(f"{block}.ssm_norm.weight", np.ones((nano8.GROUPS, nano8.INNER // nano8.GROUPS)))
    writer.matrix(f"{block}.ssm_out.weight", "rest", nano8.HIDDEN, nano8.INNER)


def add_attention(writer, block):
    for name, heads in (("q", nano8.QUERY_HEADS), ("k", nano8.KV_HEADS), ("v", nano8.KV_HEADS)):
        writer.matrix(f"{block}.attn_{name}.weight", "attention", heads * nano8.HEAD_DIM,
                      nano8.HIDDEN)
    writer.matrix(f"{block}.attn_output.weight", "attention", nano8.HIDDEN,
                  nano8.QUERY_HEADS * nano8.HEAD_DIM)


def add_experts(writer, block):
    writer.uniform(f"{block}.ffn_gate_inp.weight", (nano8.EXPERTS, nano8.HIDDEN), -0.02, 0.02)
    writer.uniform(f"{block}.exp_probs_b.bias", nano8.EXPERTS, 0.0, 0.01)
    writer.matrix(f"{block}.ffn_up_exps.weight", "experts", nano8.EXPERT_WIDTH, nano8.HIDDEN,
                  experts=nano8.EXPERTS)
    writer.matrix(f"{block}.ffn_down_exps.weight", "experts", nano8.HIDDEN, nano8.EXPERT_WIDTH,
                  experts=nano8.EXPERTS)
    writer.matrix(f"{block}.ffn_up_shexp.weight", "rest", nano8.SHARED_WIDTH, nano8.HIDDEN)
    writer.matrix(f"{block}.ffn_down_shexp.weight", "rest", nano8.HIDDEN, nano8.SHARED_WIDTH)


def write_gguf(path, which):
    """Writes the model in the formats of `which` ("same" or "best")."""
    writer = Writer(str(path), FORMATS[which])
    add_metadata(writer.out)
    writer.matrix("token_embd.weight", "rest", nano8.VOCAB, nano8.HIDDEN)
    writer.matrix("output.weight", "head", nano8.VOCAB, nano8.HIDDEN)
    writer.vector("output_norm.weight", np.ones(nano8.HIDDEN))
    parts = {"M": add_mamba, "*": add_attention, "E": add_experts}
    for layer, kind in enumerate(nano8.PATTERN):
        block = f"blk.{layer}"
        writer.vector(f"{block}.attn_norm.weight", np.ones(nano8.HIDDEN))
        parts[kind](writer, block)
    writer.out.write_header_to_file()
    writer.out.write_kv_data_to_file()
    writer.out.write_tensors_to_file()
    writer.out.close()
    return path
