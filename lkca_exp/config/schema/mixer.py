"""Keys of `model.mixer`, by option.

To add a mixer: its module in lkca_exp/models/mixers, and its class here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from omegaconf import MISSING

from lkca_exp.config.derived import VitDerived
from lkca_exp.config.errors import ConfigError
from lkca_exp.config.schema.key import key, with_default
from lkca_exp.config.schema.option import option

SIDE_IS_ODD = "The side of a kernel is odd, so that it has a centre."


@dataclass
class MixerConfig:
    """What every token mixer has. `build` is its class, as `option` takes it. `takes_class_token`: whether it mixes any
    tokens; the others mix a grid, or nothing. `least_tokens`: how many it needs."""

    name: str = MISSING
    build: ClassVar[str]
    takes_class_token: ClassVar[bool] = False
    least_tokens: ClassVar[int] = 1

    def heads(self, usual: int) -> int | None:
        """How many heads it has, where a model of this size usually has so many; None if it has none."""
        return None

    def kernel_side(self, side: int) -> int | None:
        """The side of its kernel on side x side tokens; None if it has none."""
        return None

    def check(self, derived: VitDerived) -> None:
        """Raises ConfigError where its keys break a rule."""


@dataclass
class HeadsConfig(MixerConfig):
    """The keys of every attention."""

    num_heads: int | None = key("heads; null: as model.size says", None, at_least=1)
    qkv_bias: bool = key("a bias in the map to queries, keys and values", True)
    dropout: float = key("chance to drop an attention weight while training", 0.0, at_least=0, below=1)

    def heads(self, usual: int) -> int:
        return usual if self.num_heads is None else self.num_heads


@option("model/mixer", "attention", build="lkca_exp.models.mixers.attention:Attention")
class AttentionConfig(HeadsConfig):
    takes_class_token: ClassVar[bool] = True


@option("model/mixer", "locality_attention", build="lkca_exp.models.mixers.locality_attention:LocalityAttention")
class LocalityAttentionConfig(HeadsConfig):
    takes_class_token: ClassVar[bool] = True
    least_tokens: ClassVar[int] = 2  # a token looks at all but itself


@option("model/mixer", "relative_attention", build="lkca_exp.models.mixers.relative_attention:RelativeAttention")
class RelativeAttentionConfig(HeadsConfig):
    pass


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

    def heads(self, usual: int) -> int | None:
        return (self.num_heads or usual) if self.sharing == "head" else None

    def kernel_side(self, side: int) -> int:
        return 2 * side - 1 if self.kernel_size is None else self.kernel_size

    def check(self, derived: VitDerived) -> None:
        check_kernel(derived, "Give an odd side up to {largest}, or null for {largest}.")
        if self.num_heads is not None and self.sharing != "head":
            raise ConfigError(
                "model.mixer.num_heads",
                self.num_heads,
                f"With model.mixer.sharing={self.sharing} there are no heads, so nothing would read it.",
                "Leave it at null, or choose model.mixer.sharing=head.",
            )


@option("model/mixer", "lkca", build="lkca_exp.models.mixers.lkca:Lkca")
class LkcaConfig(KernelConfig):
    """The paper's operator, as its authors' code has it."""

    sharing: str = with_default(KernelConfig, "sharing", "all")
    init: str = with_default(KernelConfig, "init", "zeros")
    projections: bool = key("a value map before the kernel and an output map after it", True)
    value_bias: bool = key("a bias in the value map", False)

    def check(self, derived: VitDerived) -> None:
        super().check(derived)
        if self.value_bias and not self.projections:
            raise ConfigError(
                "model.mixer.value_bias",
                self.value_bias,
                "With model.mixer.projections=false there is no value map, so nothing would read it.",
                "Leave it at false, or choose model.mixer.projections=true.",
            )


@option("model/mixer", "lkca_depthwise")
class LkcaDepthwiseConfig(LkcaConfig):
    """A kernel for each channel, and no maps."""

    sharing: str = with_default(KernelConfig, "sharing", "channel")
    init: str = with_default(KernelConfig, "init", "uniform")
    projections: bool = with_default(LkcaConfig, "projections", False)


@option("model/mixer", "lkca_gated", build="lkca_exp.models.mixers.lkca_gated:LkcaGated")
class LkcaGatedConfig(KernelConfig):
    pass


@option("model/mixer", "pooling", build="lkca_exp.models.mixers.pooling:Pooling")
class PoolingConfig(MixerConfig):
    kernel_size: int = key("side in tokens of the square that is averaged, odd", 3, at_least=1)

    def kernel_side(self, side: int) -> int:
        return self.kernel_size

    def check(self, derived: VitDerived) -> None:
        check_kernel(derived, "Give an odd side up to {largest}.")


@option("model/mixer", "identity", build="lkca_exp.models.mixers.identity:Identity")
class IdentityConfig(MixerConfig):
    pass


def check_kernel(derived: VitDerived, remedy: str) -> None:
    """Raises ConfigError unless the kernel is odd, and no larger than it takes to join all tokens."""
    kernel, side = derived.kernel_size, derived.grid[0]
    largest = 2 * side - 1
    assert kernel is not None
    if kernel > largest:
        rule = f"On {side} x {side} tokens a kernel of side {largest} (2n-1) already joins every two of them."
        raise ConfigError("model.mixer.kernel_size", kernel, rule, remedy.format(largest=largest))
    if kernel % 2 == 0:
        raise ConfigError("model.mixer.kernel_size", kernel, SIDE_IS_ODD, f"Try {kernel - 1} or {kernel + 1}.")
