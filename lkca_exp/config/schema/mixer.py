"""Keys of `model.mixer`, by option."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from lkca_exp.config.schema.key import key, with_default


@dataclass
class MixerConfig:
    """What every token mixer has: a name, which is also its file's name in lkca_exp/models/mixers."""

    name: str = MISSING


@dataclass
class HeadsConfig(MixerConfig):
    """The keys of every attention."""

    num_heads: int | None = key("heads; null: as model.size says", None, at_least=1)
    qkv_bias: bool = key("a bias in the map to queries, keys and values", True)
    dropout: float = key("chance to drop an attention weight while training", 0.0, at_least=0, below=1)


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
        "kernel at the start: zeros, uniform in +-1/K (as torch's convolution), or normal with std 0.02",
        "uniform",
        choices=("zeros", "uniform", "normal"),
    )


@dataclass
class LkcaConfig(KernelConfig):
    """The paper's operator, as its authors' code has it."""

    name: str = "lkca"
    sharing: str = with_default(KernelConfig, "sharing", "all")
    init: str = with_default(KernelConfig, "init", "zeros")
    projections: bool = key("a value map before the kernel and an output map after it", True)
    value_bias: bool = key("a bias in the value map", False)


@dataclass
class LkcaDepthwiseConfig(LkcaConfig):
    """A kernel for each channel, and no maps."""

    name: str = "lkca_depthwise"
    sharing: str = with_default(KernelConfig, "sharing", "channel")
    init: str = with_default(KernelConfig, "init", "uniform")
    projections: bool = with_default(LkcaConfig, "projections", False)


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
