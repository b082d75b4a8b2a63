"""Keys of `model.mixer`, by option."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from lkca_exp.config.schema.key import key


@dataclass
class MixerConfig:
    """What every token mixer has: a name, which is also its file's name in lkca_exp/models/mixers."""

    name: str = MISSING


@dataclass
class HeadsConfig(MixerConfig):
    """The keys of every attention."""

    num_heads: int | None = key("heads; null: as model.size says", None, at_least=1)
    qkv_bias: bool = key("a bias in the map to queries, keys and values", True, later=True)
    dropout: float = key("chance to drop an attention weight while training", 0.0, at_least=0, below=1, later=True)


@dataclass
class AttentionConfig(HeadsConfig):
    name: str = "attention"


@dataclass
class LocalityAttentionConfig(HeadsConfig):
    name: str = "locality_attention"


@dataclass
class RelativeAttentionConfig(HeadsConfig):
    name: str = "relative_attention"


@dataclass
class KernelConfig(MixerConfig):
    """The keys of mixers with a large kernel."""

    kernel_size: int | None = key(
        "kernel side in tokens, odd; null: 2n-1, every token sees every other", None, at_least=1
    )
    sharing: str = key("one kernel per channel, per head, or for all", "channel", choices=("channel", "head", "all"))
    num_heads: int | None = key("heads, read with sharing=head; null: as model.size says", None, at_least=1)
    view: str = key(
        "compute as a convolution, as the N x N matrix of attention, or as whatever is faster",
        "auto",
        choices=("auto", "convolution", "attention"),
    )
    init: str = key(
        "kernel at the start: uniform in +-1/K (as torch's convolution), or normal with std 0.02",
        "uniform",
        choices=("uniform", "normal"),
    )


@dataclass
class LkcaConfig(KernelConfig):
    name: str = "lkca"
    projections: bool = key("value and output projections around the kernel", False)


@dataclass
class LkcaGatedConfig(KernelConfig):
    name: str = "lkca_gated"


@dataclass
class PoolingConfig(MixerConfig):
    name: str = "pooling"
    kernel_size: int = key("side in tokens of the square that is averaged, odd", 3, at_least=1)


@dataclass
class IdentityConfig(MixerConfig):
    name: str = "identity"
