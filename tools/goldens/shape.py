"""The sizes of one tiny model, in the letters of model.md, and its reading of config.json."""

import dataclasses
import json
import pathlib

LETTERS = {"mamba": "M", "moe": "E", "attention": "*", "mlp": "-"}


@dataclasses.dataclass(frozen=True)
class Shape:
    pattern: str
    H: int
    V: int
    nh: int
    P: int
    G: int
    N: int
    Hq: int
    Hkv: int
    D: int
    E: int = 0
    k: int = 0
    Z: int = 0
    scaling: float = 1.0
    mtp: bool = False
    eps: float = 1e-5

    @property
    def d_in(self):
        return self.nh * self.P

    @property
    def channels(self):
        return self.d_in + 2 * self.G * self.N

    @property
    def in_rows(self):
        return self.d_in + self.channels + self.nh


def read_shape(folder):
    """Reads the members of the family that the tiny checkpoints use, in each one's spelling."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    blocks = config.get("layers_block_type")
    pattern = config.get("hybrid_override_pattern") or "".join(LETTERS[b] for b in blocks)
    return Shape(
        pattern=pattern, H=config["hidden_size"], V=config["vocab_size"],
        nh=config["mamba_num_heads"], P=config["mamba_head_dim"], G=config["n_groups"],
        N=config["ssm_state_size"], Hq=config["num_attention_heads"],
        Hkv=config["num_key_value_heads"],
        D=config.get("head_dim") or config["attention_head_dim"],
        E=config.get("n_routed_experts", 0), k=config.get("num_experts_per_tok", 0),
        Z=config.get("moe_latent_size") or 0, scaling=config.get("routed_scaling_factor", 1.0),
        mtp=config.get("num_nextn_predict_layers", 0) > 0)
