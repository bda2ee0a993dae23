"""The tiny checkpoints: sizes, seeds and the gains of their random weights.

The gains make every tensor visible in the logits while correct roundings stay small; what they must
achieve is asserted by visibility.py and spread.py, not here.
"""

import dataclasses

from goldens.shape import Shape


@dataclasses.dataclass(frozen=True)
class Design:
    name: str
    shape: Shape
    seed: int
    I: int = 0
    S: int = 0
    F: int = 0
    quantized: bool = False
    scalar_shape: tuple = ()
    shards: int = 1
    bf16_layers: tuple = ()      # layers whose projections a quantized layout leaves in BF16
    f32_vectors: tuple = ()      # which of A_log, D, dt_bias are stored in f32
    embedding: float = 6.0
    gains: dict = dataclasses.field(default_factory=dict)
    clips: dict = dataclasses.field(default_factory=dict)


LATENT = Shape(pattern="ME*ME", H=48, V=256, nh=8, P=64, G=4, N=128, Hq=4, Hkv=2, D=128,
               E=8, k=2, Z=32, scaling=5.0, mtp=True)
MOE = Shape(pattern="MEM*E", H=48, V=256, nh=4, P=64, G=4, N=128, Hq=4, Hkv=2, D=128,
            E=8, k=3, scaling=2.5)
DENSE = Shape(pattern="M-*M-", H=48, V=256, nh=4, P=80, G=4, N=128, Hq=4, Hkv=2, D=128)

DESIGNS = {design.name: design for design in [
    Design("latent_bf16", LATENT, seed=11, I=80, S=96),
    Design("moe_bf16", MOE, seed=12, I=48, S=96, f32_vectors=("A_log", "D"),
           gains={"experts": 0.6}),
    Design("dense_bf16", DENSE, seed=13, F=112, shards=3),
    Design("latent_modelopt", LATENT, seed=23, I=80, S=96, quantized=True, embedding=7.5,
           gains={"shared_experts": 1.4, "out_proj": 1.5, "eh_proj": 2.0, "o_proj": 6.8,
                  "experts": 0.15, "gate": 2.0},
           clips={"down_proj": 3.5, "up_proj": 1.2, "in_proj": 0.6, "v_proj": 0.9}),
    Design("moe_modelopt", MOE, seed=15, I=48, S=96, quantized=True, scalar_shape=(1,),
           bf16_layers=(2,), f32_vectors=("A_log", "D", "dt_bias"), gains={"experts": 0.6}),
    Design("dense_modelopt", DENSE, seed=16, F=112, quantized=True, scalar_shape=(1,), shards=2,
           embedding=8.0, gains={"out_proj": 1.6, "q_proj": 1.9, "o_proj": 8.5},
           clips={"in_proj": 1.0}),
]}
