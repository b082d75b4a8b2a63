"""Keys of `model`: what every model has, and those of our own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from lkca_exp.config.derived import Derived, VitDerived, or_default
from lkca_exp.config.errors import ConfigError, divisors
from lkca_exp.config.schema.embedding import EmbeddingConfig
from lkca_exp.config.schema.key import key, part
from lkca_exp.config.schema.mixer import LkcaConfig, MixerConfig
from lkca_exp.config.schema.option import option
from lkca_exp.config.schema.sizes import SIZES
from lkca_exp.config.specs import DataSpec


@dataclass
class ModelConfig:
    """What every model has: a name, `vit` for the one that is written here, else what timm calls it."""

    name: str = MISSING
    preset: str | None = key("the file of conf/model that chose the values, for names in tables", None, result=False)

    def derive(self, common: Derived, facts: DataSpec) -> Derived:
        """What follows for this model from its keys and the data set."""
        return common

    def check(self, derived: Any, facts: DataSpec) -> None:
        """Raises ConfigError where its keys break a rule, among themselves or with the data set."""


@option("model", "vit")
class VitConfig(ModelConfig):
    size: str = key("named width, depth, heads and MLP ratio", "xs", choices=tuple(SIZES))
    width: int | None = key("channels of a token; null: as size says", None, at_least=1, at_most=2**16)
    depth: int | None = key("blocks; null: as size says", None, at_least=1, at_most=1000)
    mlp_ratio: float | None = key(
        "hidden channels of the MLP over width; null: as size says", None, above=0, at_most=1000
    )
    patch_size: int | None = key("side of a patch in pixels; null: the usual one for the data set", None, at_least=1)
    positions: str = key("position embedding", "learned", choices=("learned", "sincos", "none"))
    pooling: str = key(
        "what the classifier reads: a mean of all tokens, plain or with learned weights, or a token of its own",
        "mean",
        choices=("mean", "class_token", "sequence"),
    )
    mlp_residual: str = key(
        "what the MLP's output is added to: the tokens before its norm, or after it as in CCT's code",
        "tokens",
        choices=("tokens", "normed"),
    )
    final_norm: str = key(
        "where the last norm stands: over the tokens, before they are pooled, or over what the classifier reads",
        "before_pooling",
        choices=("before_pooling", "after_pooling"),
    )
    norm_epsilon: float = key("added to the variance in every norm", 1e-6, above=0, at_most=1)
    drop_path: float = key("stochastic depth: chance to skip a branch of the last block", 0.1, at_least=0, below=1)
    drop_path_schedule: str = key(
        "the chance in the blocks before the last: rising linearly from 0, or the same in all",
        "rising",
        choices=("rising", "constant"),
    )
    init: str = key(
        "linear layers at the start: Xavier's uniform or normal distribution",
        "xavier_uniform",
        choices=("xavier_uniform", "xavier_normal"),
    )
    position_std: float = key(
        "standard deviation of learned positions, and of the class token, at the start", 0.02, above=0
    )
    embedding: EmbeddingConfig = part(EmbeddingConfig, "from pixels to tokens")
    mixer: MixerConfig = part(MixerConfig, "the part under comparison")

    def derive(self, common: Derived, facts: DataSpec) -> VitDerived:
        size = SIZES[self.size]
        patch_size = or_default(self.patch_size, facts.patch_size)
        side = max(facts.image_size // patch_size, 1)
        return VitDerived(
            **vars(common),
            patch_size=patch_size,
            grid=(side, side),
            width=or_default(self.width, size.width),
            depth=or_default(self.depth, size.depth),
            mlp_ratio=or_default(self.mlp_ratio, size.mlp_ratio),
            num_heads=self.mixer.heads(size.num_heads),
            kernel_size=self.mixer.kernel_side(side),
        )

    def check(self, derived: VitDerived, facts: DataSpec) -> None:
        _patches(derived.patch_size, facts)
        self.embedding.check(derived)
        _heads(derived)
        self.mixer.check(derived)
        _tokens(self, derived)
        _positions(self, derived)


def _patches(patch_size: int, facts: DataSpec) -> None:
    if facts.image_size % patch_size:
        raise ConfigError(
            "model.patch_size",
            patch_size,
            f"Patches must tile the {facts.image_size} x {facts.image_size} pixels of {facts.name}.",
            f"Sides that do: {divisors(facts.image_size)}.",
        )


def _heads(derived: VitDerived) -> None:
    num_heads = derived.num_heads
    if num_heads is not None and derived.width % num_heads:
        fitting = [heads for heads in range(1, derived.width + 1) if derived.width % heads == 0]
        near = sorted(sorted(fitting, key=lambda heads: abs(heads - num_heads))[:3])
        raise ConfigError(
            "model.mixer.num_heads",
            num_heads,
            f"The heads must divide model.width, which is {derived.width}.",
            f"Nearest: {', '.join(map(str, near))}.",
        )


def _tokens(model: VitConfig, derived: VitDerived) -> None:
    if model.pooling == "class_token" and not model.mixer.takes_class_token:
        mixer = "LKCA" if isinstance(model.mixer, LkcaConfig) else model.mixer.name
        raise ConfigError(
            "model.pooling",
            model.pooling,
            f"{mixer} mixes a grid of tokens, in which a class token has no place.",
            "Choose model.pooling=mean (for every model that you compare).",
        )
    tokens = derived.grid[0] * derived.grid[1] + (model.pooling == "class_token")
    if tokens < model.mixer.least_tokens:
        rule = f"With {model.mixer.name} a token looks at all tokens but itself, and here is only one."
        raise ConfigError("model.patch_size", derived.patch_size, rule, "Give smaller patches.")


def _positions(model: VitConfig, derived: VitDerived) -> None:
    if model.positions == "sincos" and derived.width % 4:
        raise ConfigError(
            "model.positions",
            "sincos",
            f"Two sines and two cosines share the channels, so model.width ({derived.width}) must be a multiple of 4.",
            "Change model.width, or choose model.positions=learned.",
        )
